"""Who vouches for a bundle."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    ssh_key_fingerprint,
)

from sentinode.core.errors import BundleError, SentinodeError
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_signature import SIGNATURE_FILE
from sentinode.models.bundle_writer import amend
from sentinode.studies.bundle_check import sign_bundle, verify_bundle

BundleOf = Callable[[str], Bundle]


@pytest.fixture
def folder(bundle_of: BundleOf, tmp_path: Path) -> Path:
    """A bundle that a test may sign."""
    return Path(shutil.copytree(bundle_of("plain").folder, tmp_path / "bundle"))


def _keys(
    folder: Path, name: str, form: str = "ssh", lock: KeySerializationEncryption | None = None
) -> tuple[Path, Path]:
    """Files of a private and a public key, as OpenSSH or as OpenSSL writes them."""
    key = Ed25519PrivateKey.generate()
    private_form = PrivateFormat.OpenSSH if form == "ssh" else PrivateFormat.PKCS8
    public_form = (
        (Encoding.OpenSSH, PublicFormat.OpenSSH) if form == "ssh" else (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    private, public = folder / name, folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, private_form, lock or NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(*public_form))
    return private, public


@pytest.mark.parametrize("form", ["ssh", "openssl"])
def test_a_signed_bundle_opens_with_the_key_that_signed_it_and_with_no_other(
    folder: Path, tmp_path: Path, form: str
) -> None:
    private, public = _keys(tmp_path, "lab", form)
    _, stranger = _keys(tmp_path, "stranger", form)
    with pytest.raises(BundleError, match=r"is not signed, and only what .*lab\.pub has signed is trusted"):
        open_bundle(folder, trust=[public])
    signed = sign_bundle(folder, private)
    assert open_bundle(folder, trust=[public]).sha256 == signed.bundle.sha256
    assert open_bundle(folder, trust=[stranger, public]).sha256 == signed.bundle.sha256
    with pytest.raises(BundleError, match=r"is signed by SHA256:.*only what .*stranger\.pub"):
        open_bundle(folder, trust=[stranger])
    assert verify_bundle(folder).to_json()["signed_by"] == signed.signature.fingerprint


def test_the_fingerprint_is_that_of_ssh(folder: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    import base64

    expected = base64.b64encode(ssh_key_fingerprint(key.public_key(), SHA256())).decode().rstrip("=")
    assert sign_bundle(folder, path).signature.fingerprint == f"SHA256:{expected}"


def test_a_signature_does_not_hold_for_a_changed_bundle(folder: Path, tmp_path: Path) -> None:
    private, public = _keys(tmp_path, "lab")
    sign_bundle(folder, private)
    signature = (folder / SIGNATURE_FILE).read_bytes()
    amended = amend(open_bundle(folder), description="another")
    assert not (folder / SIGNATURE_FILE).exists()
    (folder / SIGNATURE_FILE).write_bytes(signature)
    with pytest.raises(BundleError, match=f"not the signature of this bundle, whose SHA-256 is {amended.sha256}"):
        open_bundle(folder, trust=[public])
    with pytest.raises(BundleError, match="not the signature of this bundle"):
        verify_bundle(folder)


def test_another_key_in_the_signature_does_not_help(folder: Path, tmp_path: Path) -> None:
    """A forger who writes the trusted key's name under a signature of his own."""
    mine, _ = _keys(tmp_path, "mine")
    lab, public = _keys(tmp_path, "lab")
    sign_bundle(folder, lab)
    genuine = json.loads((folder / SIGNATURE_FILE).read_bytes())
    sign_bundle(folder, mine)
    forged = json.loads((folder / SIGNATURE_FILE).read_bytes()) | {"public_key": genuine["public_key"]}
    (folder / SIGNATURE_FILE).write_text(json.dumps(forged))
    with pytest.raises(BundleError, match="not the signature of this bundle"):
        open_bundle(folder, trust=[public])


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"public_key": "%%", "signature": ""}', '{"public_key": 3}'])
def test_a_damaged_signature_is_refused(folder: Path, tmp_path: Path, content: str) -> None:
    _, public = _keys(tmp_path, "lab")
    (folder / SIGNATURE_FILE).write_text(content)
    with pytest.raises(BundleError, match="is damaged"):
        open_bundle(folder, trust=[public])


def test_a_key_with_a_passphrase(folder: Path, tmp_path: Path) -> None:
    private, public = _keys(tmp_path, "lab", "openssl", BestAvailableEncryption(b"word"))
    with pytest.raises(SentinodeError, match="--passphrase"):
        sign_bundle(folder, private)
    with pytest.raises(SentinodeError, match="right passphrase"):
        sign_bundle(folder, private, passphrase="guess")
    sign_bundle(folder, private, passphrase="word")
    open_bundle(folder, trust=[public])


def test_files_that_are_no_keys(folder: Path, tmp_path: Path) -> None:
    private, public = _keys(tmp_path, "lab")
    words = tmp_path / "words"
    words.write_text("words")
    rsa = tmp_path / "rsa"
    rsa.write_bytes(generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SentinodeError, match="no private key that can be read"):
        sign_bundle(folder, words)
    with pytest.raises(SentinodeError, match="another kind of key"):
        sign_bundle(folder, rsa)
    with pytest.raises(SentinodeError, match="does not exist"):
        sign_bundle(folder, tmp_path / "nowhere")
    with pytest.raises(SentinodeError, match="is a public key"):
        sign_bundle(folder, public)
    with pytest.raises(SentinodeError, match="no public key that can be read"):
        open_bundle(folder, trust=[words])
    with pytest.raises(SentinodeError, match="is a private key"):
        open_bundle(folder, trust=[private])
    assert not (folder / SIGNATURE_FILE).exists()


def test_the_environment_and_the_option_ask_for_a_signature(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sentinode.cli.main import main

    private, public = _keys(tmp_path, "lab")
    monkeypatch.setenv("SENTINODE_TRUST", str(public))
    with pytest.raises(BundleError, match="is not signed"):
        open_bundle(folder)
    monkeypatch.delenv("SENTINODE_TRUST")
    for words in (
        ["--trust", str(public), "bundle", "show", str(folder)],
        ["bundle", "show", f"--trust={public}", str(folder)],
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert "is not signed" in capsys.readouterr().err
    open_bundle(folder)  # the option ended with its command
    with pytest.raises(SystemExit) as ended:
        main(["bundle", "sign", str(folder), "--key", str(private), "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["signed_by"].startswith("SHA256:")
    with pytest.raises(SystemExit) as ended:
        main(["--trust", str(public), "bundle", "show", str(folder)])
    assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        main(["bundle", "show", str(folder), "--trust"])
    assert ended.value.code == 2
    assert "--trust needs the file of a public key" in capsys.readouterr().err
