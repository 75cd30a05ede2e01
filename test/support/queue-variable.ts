/** Variable with the backend of suites that run on one. */
export const QUEUE_VARIABLE = 'SLIPWAY_TEST_QUEUE';
