/** The reasons of rollouts and waves: code, typed data and sentence. */
export const rolloutReasons = {
  SUPERSEDED: ({ because }: { because: string }) => `Superseded: ${because}.`,
};
