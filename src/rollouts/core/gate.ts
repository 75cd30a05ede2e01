/** What a Deployment says while its gate is closed: new pods become Ready and never count as available, so its controller keeps the split that surge and unavailable ask for. */
export const CLOSED_GATE = { minReadySeconds: 2_147_483_646, progressDeadlineSeconds: 2_147_483_647 } as const;
