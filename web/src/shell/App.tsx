import { useCallback, useEffect, useState } from "react";
import { getSession, signOut } from "../api/endpoints";
import { asProblem, type Problem, SIGNED_OUT, WAITED, WAITING } from "../api/http";
import type { Session } from "../api/types";
import { PredictionsContext, usePredictions } from "../patch/usePredictions";
import { useKeys } from "../ui/hooks";
import { Failure, Progress } from "../ui/parts";
import { Header } from "./Header";
import { go, type Route, useRoute } from "./routes";
import { Shortcuts } from "./Shortcuts";
import { SignIn } from "./SignIn";
import { SessionContext } from "./session";
import { useTheme } from "./theme";
import { ENTRIES, viewOf } from "./views";

export function App() {
  const route = useRoute();
  const { title, fills } = viewOf(route);
  const theme = useTheme();
  const [help, setHelp] = useState(false);
  const { session, problem, refresh } = useSession();
  const signedIn = session !== null && (!session.required || session.role !== null);

  useKeys({
    "?": () => setHelp(true),
    t: theme.toggle,
    ...(signedIn && Object.fromEntries(ENTRIES.map(({ shortcut, path }) => [shortcut, () => go(path)]))),
  });
  useEffect(() => {
    document.title = `${signedIn ? title : "Sign in"} · Sentinode`;
  }, [title, signedIn]);

  const leave = () => {
    signOut().then(refresh, refresh);
  };
  return (
    <div className={fills && signedIn ? "frame frame-slide" : "frame"}>
      <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <Header
        route={signedIn ? route : null}
        session={session}
        dark={theme.dark}
        onTheme={theme.toggle}
        onHelp={() => setHelp(true)}
        onLeave={leave}
      />
      <main id="main" tabIndex={-1}>
        {problem && <Failure problem={problem} retry={refresh} />}
        {!problem && !session && <Progress label="Reaching the server" />}
        {session && !signedIn && <SignIn onDone={refresh} />}
        {session && signedIn && (
          <SessionContext.Provider value={session}>
            <Views route={route} />
          </SessionContext.Provider>
        )}
      </main>
      <footer className="foot">
        <strong>Research use only.</strong> Not a medical device, not for diagnosis or decisions on patients.
      </footer>
      <BusyNote />
      {help && <Shortcuts onClose={() => setHelp(false)} />}
    </div>
  );
}

/** What was classified stays while one looks at another view. */
function Views({ route }: { route: Route }) {
  const predictions = usePredictions();
  const { Content } = viewOf(route);
  return (
    <PredictionsContext.Provider value={predictions}>
      <Content key={route.id} id={route.id} />
    </PredictionsContext.Provider>
  );
}

/** A server with full queues is asked again by itself; that is said, as a wait without a reason looks like a fault. */
function BusyNote() {
  const [waits, setWaits] = useState(0);
  useEffect(() => {
    const more = () => setWaits((count) => count + 1);
    const fewer = () => setWaits((count) => count - 1);
    window.addEventListener(WAITING, more);
    window.addEventListener(WAITED, fewer);
    return () => {
      window.removeEventListener(WAITING, more);
      window.removeEventListener(WAITED, fewer);
    };
  }, []);
  return (
    <div className="busy" role="status">
      {waits > 0 && <p className="notice">The server is busy. The page tries again by itself.</p>}
    </div>
  );
}

function useSession() {
  const [session, setSession] = useState<Session | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const refresh = useCallback(() => {
    setProblem(null);
    getSession().then(setSession, (error: unknown) => setProblem(asProblem(error)));
  }, []);
  useEffect(() => {
    refresh();
    window.addEventListener(SIGNED_OUT, refresh);
    return () => window.removeEventListener(SIGNED_OUT, refresh);
  }, [refresh]);
  return { session, problem, refresh };
}
