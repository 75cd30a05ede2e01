/** What a target may wait for although nothing is wrong with its own pods: type, typed data, sentence and advice. Shown, never a phase. */

/** The error that a cluster's client met with, as it words it. */
interface Refusal {
  message: string;
  advice: string;
}

export const conditionTypes = {
  UNREACHABLE: {
    meaning: 'The cluster does not answer. What then happens is `onUnreachable`.',
    sentence: ({ message }: Refusal) => message,
    advice: ({ advice }: Refusal) => advice,
  },
  ACCESS: {
    meaning: 'The cluster answers, but refuses the credentials.',
    sentence: ({ message }: Refusal) => message,
    advice: ({ advice }: Refusal) => advice,
  },
  NO_WORKER: {
    meaning: "No worker serves the cluster's region.",
    sentence: ({ region }: { region: string }) => `No worker serves region ${region}.`,
    advice: 'Start a worker with SLIPWAY_REGIONS naming this region, or with none named.',
  },
  PAUSED_BY_OWNER: {
    meaning:
      'Somebody has paused the Deployment (`spec.paused`): nothing is written until it is resumed, but for going back, which resumes it.',
    sentence: ({ manager }: { manager: string }) => `The Deployment is paused by ${manager} (spec.paused).`,
    advice: 'Resume it (kubectl rollout resume) to let the rollout go on, or abort the rollout.',
  },
};

export type ConditionType = keyof typeof conditionTypes;
type ConditionData<T extends ConditionType> = Parameters<(typeof conditionTypes)[T]['sentence']>[0];

/** A condition as rows have it. Rows of before the data have the sentences themselves in it, which then stand. */
export interface Condition {
  type: ConditionType;
  data: Readonly<Record<string, unknown>>;
  /** RFC 3339. */
  since: string;
}

export type StoredCondition = Condition | ({ type: ConditionType; since: string } & Refusal);

/** A condition with its sentence and advice: how the API and events show it. */
export interface ShownCondition extends Omit<Condition, 'type'> {
  /** A condition's, or the code of a hindrance. */
  type: string;
  message: string;
  advice: string;
}

/** A condition. `data` must be what the type's sentence takes. */
export function conditionOf<T extends ConditionType>(type: T, data: ConditionData<T>, since: string): Condition {
  return { type, data: { ...data }, since };
}

/** A condition of a row, whatever version wrote it. */
export function readCondition(stored: StoredCondition | null): Condition | null {
  if (stored === null || 'data' in stored) return stored;
  const { type, message, advice, since } = stored;
  return { type, data: { message, advice }, since };
}

export function presentCondition(condition: Condition): ShownCondition {
  const { type, data } = condition;
  const row: { sentence: (data: never) => string; advice: string | ((data: never) => string) } | undefined = conditionTypes[type];
  const said = typeof data['message'] === 'string' ? data['message'] : row?.sentence(data as never);
  const advised = typeof row?.advice === 'function' ? row.advice(data as never) : row?.advice;
  return { ...condition, message: said ?? type, advice: typeof data['advice'] === 'string' ? data['advice'] : (advised ?? '') };
}
