import { type FormEvent, useState } from "react";
import { signIn } from "../api/endpoints";
import { asProblem, Problem } from "../api/http";
import { Failure } from "../ui/parts";

export function SignIn({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await signIn(token.trim());
      onDone();
    } catch (error) {
      const found = asProblem(error);
      setProblem(
        found.status === 401
          ? new Problem("This key is not known", "Check it for a missing character, or ask who runs the server.", 401)
          : found,
      );
      setBusy(false);
    }
  };
  return (
    <form className="sign-in card" onSubmit={submit}>
      <h1>Sign in</h1>
      <p className="quiet">This server asks for an access key. Whoever runs it gives you one.</p>
      <label htmlFor="token">Access key</label>
      <input
        id="token"
        type="password"
        autoComplete="current-password"
        value={token}
        onChange={(event) => setToken(event.target.value)}
        required
      />
      <button type="submit" className="main" disabled={busy || !token.trim()}>
        {busy ? "Signing in…" : "Sign in"}
      </button>
      {problem && <Failure problem={problem} />}
    </form>
  );
}
