"""Who vouches for a bundle: an Ed25519 signature of its hash, and the keys that a user trusts.

The hash finds damage and changes; whoever changes a bundle on purpose can write a new one. A signature can't be made
without the private key. Keys are those of OpenSSL (PEM) and of OpenSSH. Source: RFC 8032; the fingerprint is that of
`ssh-keygen -l`.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sentinode.core.errors import BundleError, DataNotFoundError, SentinodeError
from sentinode.core.extras import require
from sentinode.core.files import write_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_FILE = "signature.json"
"""Beside the files that the hash is over, and not one of them: a bundle may be signed long after it was written."""

_ALGORITHM = "ed25519"
_EXTRA = "sign"


@dataclass(frozen=True)
class Signature:
    """A signature that holds for the bundle beside it."""

    public_key: bytes
    """32 bytes."""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        name = b"ssh-ed25519"
        wire = b"".join(len(part).to_bytes(4, "big") + part for part in (name, self.public_key))
        return "SHA256:" + base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")


def write_signature(folder: Path, sha256: str, key: Path, passphrase: str | None = None) -> Signature:
    """Sign the bundle in `folder`, whose hash is `sha256`; a signature that is there is replaced.

    Raises:
        SentinodeError: The key's file holds no Ed25519 private key, or the passphrase is wrong or missing.
        StorageError: The folder can't be written.
    """
    private = _private_key(key, passphrase)
    public = private.public_key().public_bytes_raw()
    signature = private.sign(_message(sha256))
    content = {"algorithm": _ALGORITHM, "sha256": sha256, "public_key": _text(public), "signature": _text(signature)}
    write_json(folder / SIGNATURE_FILE, content)
    return Signature(public)


def read_signature(folder: Path, sha256: str) -> Signature | None:
    """The signature of the bundle in `folder`, whose hash is `sha256`; None where it has none.

    Raises:
        BundleError: The signature is damaged, or that of another bundle.
    """
    path = folder / SIGNATURE_FILE
    if not path.exists():
        return None
    require("cryptography", extra=_EXTRA)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        content = json.loads(path.read_bytes())
        public = base64.b64decode(content["public_key"], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(
            base64.b64decode(content["signature"], validate=True), _message(sha256)
        )
    except InvalidSignature as error:
        raise BundleError(
            f"{path} is not the signature of this bundle, whose SHA-256 is {sha256}; get both again, or sign it anew"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path} is damaged ({type(error).__name__}: {error}); get it again") from error
    return Signature(public)


def check_trusted(folder: Path, sha256: str, keys: Sequence[Path]) -> Signature:
    """Refuse a bundle that none of `keys` has signed.

    Args:
        folder: The bundle's.
        sha256: Its hash.
        keys: Files of public keys.

    Raises:
        BundleError: It has no signature, one of another key, or one that doesn't hold.
        SentinodeError: A key's file holds no Ed25519 public key.
    """
    trusted = {Signature(_public_key(key).public_bytes_raw()) for key in keys}
    signature = read_signature(folder, sha256)
    names = ", ".join(map(str, keys))
    if signature is None:
        raise BundleError(
            f"bundle {folder} is not signed, and only what {names} has signed is trusted; get a signed one, or sign "
            "it with `sentinode bundle sign`"
        )
    if signature not in trusted:
        raise BundleError(
            f"bundle {folder} is signed by {signature.fingerprint}, and only what {names} has signed is trusted; get "
            "it from whom you trust, or add that key to --trust"
        )
    return signature


def _private_key(path: Path, passphrase: str | None) -> "Ed25519PrivateKey":
    require("cryptography", extra=_EXTRA)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    content = _read_key(path)
    if b"PUBLIC KEY" in content or content.lstrip().startswith(b"ssh-"):
        raise SentinodeError(f"{path} is a public key, which is for trusting; sign with the private one beside it")
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in content else load_pem_private_key
    try:
        key = load(content, passphrase.encode() if passphrase else None)
    except TypeError as error:  # a passphrase that is missing, or one for a key without
        raise SentinodeError(f"{path}: {error}; give --passphrase for a key that has one, and only then") from error
    except Exception as error:  # its parsers raise ValueError, and classes of their own
        raise SentinodeError(
            f"{path} holds no private key that can be read ({error}); give an Ed25519 key of OpenSSL or OpenSSH, and "
            "its right passphrase"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SentinodeError(f"{path} holds another kind of key; make an Ed25519 key: ssh-keygen -t ed25519")
    return key


def _public_key(path: Path) -> "Ed25519PublicKey":
    require("cryptography", extra=_EXTRA)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    content = _read_key(path)
    if b"PRIVATE KEY" in content:
        raise SentinodeError(f"{path} is a private key, which is for signing; trust its public one (KEY.pub)")
    load = load_ssh_public_key if content.lstrip().startswith(b"ssh-") else load_pem_public_key
    try:
        key = load(content)
    except Exception as error:
        raise SentinodeError(
            f"{path} holds no public key that can be read ({error}); give an Ed25519 key of OpenSSL or OpenSSH"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SentinodeError(
            f"{path} holds another kind of key; bundles are signed with Ed25519: ssh-keygen -t ed25519"
        )
    return key


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path} does not exist; give the file of a key") from error
    except OSError as error:
        raise SentinodeError(f"{path} can't be read ({error.strerror}); give the file of a key") from error


def _message(sha256: str) -> bytes:
    # Named, so that a signature of something else with the same key is never taken for one of a bundle.
    return f"sentinode bundle {sha256}".encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
