import { createContext, useContext } from "react";
import type { Role, Session } from "../api/types";

export const SessionContext = createContext<Session>({ required: false, role: "admin", name: null });

const RANK: Record<Role, number> = { viewer: 0, reviewer: 1, admin: 2 };

/** Whether this person may do what `role` may. */
export function useMay(role: Role): boolean {
  const session = useContext(SessionContext);
  if (!session.required) return true;
  return session.role !== null && RANK[session.role] >= RANK[role];
}
