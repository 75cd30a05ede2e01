/** The field manager of all that is written but numbers of pods. */
export const fieldManager = 'slipway';
/** The field manager of numbers of pods, which are in no configuration that is applied. */
export const scaleFieldManager = 'slipway-scale';
