/** How sentences name what ran before a rollout. */

/** What is gone back to. `editedBy`: who had changed the pods' template since we wrote it, absent where nobody had. */
export type Before = { release: number; editedBy?: string };

/** An edit that was not Ready when the rollout began: going back to it makes nothing Ready. */
export interface UnreadyEdit extends Required<Before> {
  /** How many pods. */
  notReady: number;
}

export const beforeText = ({ release, editedBy }: Before): string =>
  editedBy === undefined ? `release ${release}` : `release ${release} as ${editedBy} has changed it`;

export const unreadyText = ({ notReady, ...before }: UnreadyEdit): string =>
  `${beforeText(before)}, of which ${notReady === 1 ? '1 pod was' : `${notReady} pods were`} not Ready`;

/** How to be rid of it. */
export const overwriteText = ({ release, editedBy }: UnreadyEdit): string =>
  `to overwrite the edit of ${editedBy}, go back to release ${release} (POST /v1/workloads/{workload}/rollback with toRelease: ${release}), or deploy with takeOver: true`;

/** The edit that a side is, where it was not Ready; null where nobody has edited it, or it was. */
export function unreadyEdit(from: (Pick<UnreadyEdit, 'release' | 'notReady'> & { editedBy: string | null }) | null): UnreadyEdit | null {
  if (from === null || from.editedBy === null || from.notReady === 0) return null;
  return { release: from.release, editedBy: from.editedBy, notReady: from.notReady };
}
