/** The house's one-way streets. `rollouts -> workloads -> clusters, templates -> auth -> tenants -> events -> runtime -> platform`. */
const ROOMS = ['platform', 'runtime', 'events', 'tenants', 'auth', 'templates', 'clusters', 'workloads', 'rollouts'];
const roots = '(main|worker|standalone|app\\.module|api\\.module|worker\\.module|platform\\.module)\\.ts$';

/** A room may look down the street, never up; templates and clusters are neighbours and do not look at each other. */
const upward = ROOMS.map((room, i) => ({
  name: `no-up-from-${room}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: {
    path: `^src/(${[...ROOMS.slice(i + 1), ...(room === 'clusters' ? ['templates'] : [])].join('|') || 'nothing'})/`,
    // Types and pure cores of the document that a rendering is made of may be read by whoever renders.
    dependencyTypesNot: [],
  },
}));

module.exports = {
  forbidden: [
    { name: 'no-cycles', comment: 'Not even of types alone.', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'no-cycles-at-run-time',
      severity: 'error',
      from: { pathNot: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-folder-cycles',
      comment: 'Two folders that import each other are one room with a wall in it.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: [roots, '\\.json$', '^src/generated/'] },
      to: {},
    },
    ...upward,
    {
      name: 'core-is-pure',
      comment: 'A core imports other cores, types, faults, and libraries without I/O.',
      severity: 'error',
      from: { path: '^src/[^/]+/core/' },
      to: {
        pathNot: [
          '^src/[^/]+/core/',
          '^src/platform/(canonical-json|fault|json)\\.ts$',
          '^src/generated/prisma/enums\\.ts$',
          '^src/clusters/kubernetes/types\\.ts$',
          'node_modules/(zod|yaml|ajv|ipaddr\\.js)/',
          '^(node:)?crypto$',
          '\\.json$',
        ],
      },
    },
    {
      name: 'only-clusters-speak-kubernetes',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/clusters/', '^src/platform/net/guard\\.ts$'] },
      to: { path: 'node_modules/(@kubernetes|undici)/' },
    },
    {
      name: 'kubernetes-behind-its-door',
      comment: 'The client is used by the engine and the cluster check, by no controller, resolver or service.',
      severity: 'error',
      from: { path: '\\.(controller|resolver|service|repository)\\.ts$' },
      to: { path: '^src/clusters/kubernetes/', pathNot: 'types\\.ts$' },
    },
    {
      name: 'prisma-client-only-in-repositories',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/platform/', '\\.repository\\.ts$', '^src/generated/'] },
      to: { path: '^src/generated/prisma/(client|internal|models)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-standalone-brings-a-database',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/standalone(\\.ts$|/)' },
      to: { path: '^src/standalone/' },
    },
    {
      name: 'no-child-process',
      comment: "Only standalone's own Postgres is a process that we start, and its parameters are ours.",
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/standalone/(embedded-postgres|data-folder)\\.ts$' },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'product-knows-no-simulator-demo-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(simulator|demo|test|bench|tools)/' },
    },
    { name: 'simulator-knows-nothing', severity: 'error', from: { path: '^simulator/' }, to: { path: '^(src|demo|test|bench|tools)/' } },
    { name: 'demo-is-a-client', severity: 'error', from: { path: '^demo/' }, to: { path: '^(src|test|bench|simulator)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/generated/prisma/internal' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
