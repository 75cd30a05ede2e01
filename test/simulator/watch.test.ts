import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';
import type { WatchEvent } from './support/client.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

describe('a watch', () => {
  let world: World;
  let version: string;
  const stops: AbortController[] = [];
  beforeEach(async () => {
    world = await startWorld();
    world.clock.advance(1_000);
    version = (await world.client.get(configMaps)).metadata.resourceVersion;
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop.abort();
    await world.stop();
  });

  const make = (name: string, labels: object = {}) =>
    world.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels } });
  const open = (query: string) => {
    const stop = new AbortController();
    stops.push(stop);
    return world.client.watch(`${configMaps}?watch=1&${query}`, stop.signal);
  };
  const next = async (events: AsyncGenerator<WatchEvent>): Promise<WatchEvent> => {
    const { value, done } = await events.next();
    if (done) throw new Error('the stream has ended');
    return value;
  };
  const told = ({ type, object }: WatchEvent): string => `${type} ${object.metadata.name ?? ''}`;

  it('goes on from a version, in order, and misses nothing in between', async () => {
    await make('a');
    await make('b');
    await world.client.remove(`${configMaps}/a`);
    const events = open(`resourceVersion=${version}`);
    expect([await next(events), await next(events), await next(events)].map(told)).toEqual(['ADDED a', 'ADDED b', 'DELETED a']);
    await make('c');
    expect(told(await next(events))).toBe('ADDED c');
  });

  it('begins with what is there where no version is given', async () => {
    await make('a');
    const events = open('');
    expect(told(await next(events))).toBe('ADDED a');
    expect(told(await next(events))).toBe('ADDED kube-root-ca.crt');
  });

  it('ends its initial events with a bookmark that says so', async () => {
    const events = open('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
    expect(told(await next(events))).toBe('ADDED kube-root-ca.crt');
    expect(await next(events)).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
  });

  it('turns a change of labels into coming and going', async () => {
    const events = open(`resourceVersion=${version}&labelSelector=colour%3Dred`);
    await make('a');
    const label = (colour: string | null) => world.client.merge(`${configMaps}/a`, { metadata: { labels: { colour } } });
    await label('red');
    expect(told(await next(events))).toBe('ADDED a');
    await label('blue');
    expect(told(await next(events))).toBe('DELETED a');
  });

  it('tells a version that is no longer kept in the stream', async () => {
    await make('a');
    world.cluster.expireWatches();
    const event = await next(open(`resourceVersion=${version}`));
    expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    expect(event.object.message).toMatch(/^too old resource version: \d+ \(\d+\)$/);
  });

  it('sends bookmarks a minute apart once something has happened, and ends with its time', async () => {
    const events = open(`resourceVersion=${version}&allowWatchBookmarks=true&timeoutSeconds=300&fieldSelector=metadata.name%3Dnone`);
    const first = next(events);
    await make('a');
    const at = (await world.client.get(configMaps)).metadata.resourceVersion;
    world.clock.advance(70_000);
    expect(await first).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata: { resourceVersion: at } } });
    world.clock.advance(300_000);
    const rest: WatchEvent[] = [];
    for await (const event of events) rest.push(event);
    expect(new Set(rest.map(({ type }) => type))).toEqual(new Set(['BOOKMARK']));
  });

  it('sees the old object again in no form: versions only rise', async () => {
    const events = open(`resourceVersion=${version}`);
    await make('a');
    await world.client.merge(`${configMaps}/a`, { data: { n: '1' } });
    await world.client.remove(`${configMaps}/a`);
    const versions = [await next(events), await next(events), await next(events)].map(({ object }) =>
      Number(object.metadata.resourceVersion),
    );
    expect(versions).toEqual([...versions].sort((one, other) => one - other));
    expect(new Set(versions).size).toBe(3);
  });
});
