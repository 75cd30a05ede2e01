/**
 * The closed list of event types. Each feature has a table `type -> meaning` and adds its types here by declaration:
 *
 *     declare module '../events/event-types.ts' {
 *       interface EventTypes { clusters: keyof typeof clusterEvents }
 *     }
 *
 * so that this module names no feature, and appending an event of any other type does not compile.
 */
export interface EventTypes {
  events: never;
}

export type EventType = EventTypes[keyof EventTypes];

/** What each type of a feature means, for the generated page. */
export type EventTable = Readonly<Record<`${string}.${string}`, string>>;
