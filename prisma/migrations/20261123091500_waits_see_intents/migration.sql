-- A paused rollout that was told to abort is not one to act on: whoever waits for it, in whatever tenant, waits on.
GRANT SELECT (intent) ON rollouts TO slipway_system;
