// Which way data flows through the folders; a wrong import is an error.

const SCIENCE = '^activities/(numeric|polytope|metflow|experiments)/';

const config = {
  forbidden: [
    // Types may point back; code may not.
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'schemas-import-only-zod',
      severity: 'error',
      from: { path: '^schemas/' },
      to: { pathNot: ['^schemas/', 'node_modules/zod/'] },
    },
    {
      name: 'numeric-stands-alone',
      severity: 'error',
      from: { path: '^activities/numeric/' },
      // jax-js traces and differentiates; what it traces is compiled here.
      to: { pathNot: ['^activities/numeric/', '^schemas/', 'node_modules/@jax-js/'] },
    },
    {
      name: 'polytope-is-pure',
      severity: 'error',
      from: { path: '^activities/polytope/' },
      to: { pathNot: ['^activities/(polytope|numeric)/', '^activities/ports.ts$', '^schemas/'] },
    },
    {
      name: 'metflow-is-pure',
      severity: 'error',
      from: { path: '^activities/metflow/' },
      to: {
        pathNot: ['^activities/(metflow|numeric)/', '^schemas/', 'node_modules/@jax-js/'],
      },
    },
    {
      name: 'experiments-stand-on-science',
      severity: 'error',
      from: { path: '^activities/experiments/' },
      to: { pathNot: ['^activities/(experiments|polytope|numeric)/', '^activities/ports.ts$', '^schemas/'] },
    },
    {
      name: 'science-has-no-io',
      severity: 'error',
      from: { path: SCIENCE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'activities-know-ports-only',
      severity: 'error',
      from: { path: '^activities/[^/]+[.]ts$' },
      to: {
        pathNot: [
          '^activities/',
          '^schemas/',
          '^temporal.config.ts$',
          'node_modules/@temporalio/(activity|common)/',
        ],
      },
    },
    {
      name: 'workflows-are-deterministic',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        pathNot: [
          '^workflows/',
          '^schemas/(messages|errors|tasks|sweep)[.]ts$',
          '^temporal.config.ts$',
          '^activities/index.ts$',
          'node_modules/@temporalio/workflow/',
        ],
      },
    },
    {
      name: 'workflows-import-activities-as-types',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-one-file-knows-kafkajs',
      severity: 'error',
      from: {
        path: '^(infra|activities)/',
        pathNot: ['^infra/kafka/', '^infra/kafka-env.ts$', '^infra/local/'],
      },
      to: { path: 'node_modules/kafkajs/' },
    },
    {
      name: 'infra-is-not-imported',
      severity: 'error',
      from: { path: '^(activities|workflows|schemas)/' },
      to: { path: '^infra/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '[.]as[.]ts$' },
  },
};

export default config;
