import { readFileSync } from 'node:fs';
import type { OwnedCluster, Standing } from './kubernetes.ts';
import { Screen, table } from './screen.ts';
import type { Slipway, Rollout } from './slipway.ts';

export const WORKLOAD = 'shop';
const TEMPLATE = readFileSync(new URL('../examples/shop.yaml', import.meta.url), 'utf8');

/** Images of three releases: two that run anywhere, and one that the registry does not have. */
const IMAGES = { first: 'busybox:1.36', second: 'busybox:1.37', broken: 'busybox:missing' };
const SCALED_TO = 6;
const REDRAW_MILLISECONDS = 100;

export interface Place {
  cluster: OwnedCluster;
  region: string;
  namespace: string;
}

interface Chapter {
  title: string;
  rollout: Rollout;
  seconds: number;
}

/** The story, run through the public API. The clusters' state is read from the clusters. */
export class Story {
  private readonly slipway: Slipway;
  private readonly places: Place[];
  private readonly screen = new Screen();
  private readonly chapters: Chapter[] = [];
  private readonly signal: AbortSignal;

  constructor(slipway: Slipway, places: Place[], signal: AbortSignal) {
    this.slipway = slipway;
    this.places = places;
    this.signal = signal;
  }

  /** @throws Error if the outcome is not the expected one */
  async tell(): Promise<void> {
    await this.prepare();
    await this.deploy('Release 1: the first one', IMAGES.first, 'SUCCEEDED');
    await this.deploy('Release 2: as a canary, 25 %, then 50 %, then all', IMAGES.second, 'SUCCEEDED');
    const before = await this.standings();
    const broken = await this.deploy('Release 3: its image cannot be pulled', IMAGES.broken, 'ROLLED_BACK');
    await this.checkSame(before, broken);
    await this.scale();
    await this.conclude();
  }

  private async prepare(): Promise<void> {
    this.screen.heading('A template, and a workload on every cluster');
    await this.slipway.post('/v1/templates', { name: WORKLOAD, description: 'A shop with an init container and two sidecars.' });
    const revision = await this.slipway.post<{ number: number; digest: string }>(`/v1/templates/${WORKLOAD}/revisions`, TEMPLATE);
    this.screen.say(`  template ${WORKLOAD}, revision ${revision.number}, digest ${revision.digest.slice(0, 12)}`);
    const placements = this.places.map(({ cluster, namespace }) => ({ cluster: cluster.name, namespace }));
    await this.slipway.post('/v1/workloads', { name: WORKLOAD, template: WORKLOAD, values: { image: IMAGES.first }, placements });
    this.screen.say(`  workload ${WORKLOAD} on ${this.places.map(({ cluster, region }) => `${cluster.name} (${region})`).join(', ')}`);
  }

  private async deploy(title: string, image: string, expected: string): Promise<Rollout> {
    this.screen.heading(title);
    const rollout = await this.slipway.post<Rollout>(`/v1/workloads/${WORKLOAD}/rollouts`, { values: { image }, reason: title });
    return this.follow(title, rollout, expected);
  }

  private async scale(): Promise<void> {
    const title = `Scaled to ${SCALED_TO} pods on each cluster`;
    this.screen.heading(title);
    await this.follow(title, await this.slipway.post<Rollout>(`/v1/workloads/${WORKLOAD}/scale`, { replicas: SCALED_TO }), 'SUCCEEDED');
    for (const { place, standing } of await this.standings()) {
      if (standing.ready !== SCALED_TO) throw new Error(`${place.cluster.name} has ${standing.ready} pods ready instead of ${SCALED_TO}`);
    }
  }

  /** Shows a rollout until it has settled. */
  private async follow(title: string, { id, createdAt }: Rollout, expected: string): Promise<Rollout> {
    const read = async (): Promise<Rollout> => {
      const rollout = await this.slipway.get<Rollout>(`/v1/rollouts/${id}`);
      this.screen.show(rollout);
      return rollout;
    };
    let shown = 0;
    for await (const event of this.slipway.events(`/v1/rollouts/${id}/events`, this.signal)) {
      if (event.type === 'target.progress' && Date.now() - shown < REDRAW_MILLISECONDS) continue;
      await read();
      shown = Date.now();
    }
    const rollout = await read();
    const seconds = (Date.parse(rollout.settledAt ?? '') - Date.parse(createdAt)) / 1000;
    this.screen.say(`  ${rollout.phase} after ${seconds.toFixed(1)} s`);
    const { failure } = rollout;
    if (failure) {
      this.screen.say(`  cause: ${failure.reason} on ${failure.cluster}, pod ${failure.pod}, container ${failure.container}`);
      this.screen.say(`         ${failure.message}`);
      this.screen.say(`  advice: ${failure.advice}`);
    }
    if (rollout.phase !== expected) throw new Error(`the rollout is ${rollout.phase} instead of ${expected}: ${rollout.phaseReason}`);
    this.chapters.push({ title, rollout, seconds });
    return rollout;
  }

  private async standings(): Promise<{ place: Place; standing: Standing }[]> {
    return Promise.all(
      this.places.map(async (place) => {
        const standing = await place.cluster.read(place.namespace, WORKLOAD);
        if (!standing) throw new Error(`${place.cluster.name} has no Deployment ${WORKLOAD}`);
        return { place, standing };
      }),
    );
  }

  /** After the rollback, the same ReplicaSets run as before. */
  private async checkSame(before: { place: Place; standing: Standing }[], { failure }: Rollout): Promise<void> {
    for (const { place, standing } of await this.standings()) {
      const uid = before.find((other) => other.place === place)!.standing.replicaSets[0]!.uid;
      const now = standing.replicaSets;
      if (now.length !== 1 || now[0]!.uid !== uid) throw new Error(`${place.cluster.name} does not run the same ReplicaSet as before`);
    }
    this.screen.say(`  every cluster runs the same ReplicaSet again as before; ${failure?.cluster} reported the failure`);
  }

  private async conclude(): Promise<void> {
    this.screen.heading('What happened');
    const rows = this.chapters.map(({ title, rollout, seconds }) => [
      title,
      rollout.phase,
      `${seconds.toFixed(1)} s`,
      String(rollout.targets.length),
    ]);
    this.screen.say(table(['rollout', 'ended', 'took', 'clusters'], rows));
    this.screen.heading('What runs, as the clusters themselves say');
    const standings = await this.standings();
    const standing = standings.map(({ place, standing: { image, ready, replicas, replicaSets, gateOpen } }) => [
      place.cluster.name,
      place.region,
      image ?? '',
      `${ready}/${replicas}`,
      replicaSets.map((set) => set.name).join(', '),
      isRight({ image, ready, replicas, replicaSets, gateOpen }) ? 'exactly release 2' : 'WRONG',
    ]);
    this.screen.say(table(['cluster', 'region', 'image', 'ready', 'ReplicaSet', 'runs'], standing));
    if (standings.some(({ standing: each }) => !isRight(each))) throw new Error('a cluster does not run the expected release');
  }
}

const isRight = ({ image, ready, replicas, replicaSets, gateOpen }: Standing): boolean =>
  image === IMAGES.second && ready === SCALED_TO && replicas === SCALED_TO && replicaSets.length === 1 && gateOpen;
