/** The reasons of targets: code, typed data and sentence. */
export const targetReasons = {
  NOT_LISTED: (_data: Record<string, never>) => 'The cluster has not been listed yet.',
};
