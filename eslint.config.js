import js from '@eslint/js';
import typescript from 'typescript-eslint';

/** Names of features, also within other words. What is released, targeted or emitted elsewhere is none: those three count as tables and as ids. */
const FEATURE =
  /rollout|(?<!re)placement|cluster|workload|template|webhook|region|revision|wave|(release|target|event)_?id|(from|into|join|update) (releases|targets|events)\b/i;

/**
 * `src/platform` and `src/runtime` are below all features. Comments count too: what is explained by a feature's name depends on the feature. Options: words that
 * are the room's own.
 */
const noFeatureNames = {
  meta: {
    type: 'problem',
    schema: [{ type: 'array', items: { type: 'string' } }],
    messages: {
      named: '"{{word}}" names a feature, and this room knows none. Let features register what they have, as they register routes.',
    },
  },
  create(context) {
    const own = context.options[0] ?? [];
    const check = (node, text) => {
      const [word] = FEATURE.exec(own.reduce((rest, each) => rest.replace(new RegExp(each, 'gi'), ''), text)) ?? [];
      if (word !== undefined) context.report({ loc: node.loc, messageId: 'named', data: { word } });
    };
    return {
      Identifier: (node) => check(node, node.name),
      PrivateIdentifier: (node) => check(node, node.name),
      Literal: (node) => check(node, String(node.value)),
      TemplateElement: (node) => check(node, node.value.raw),
      Program: () => context.sourceCode.getAllComments().forEach((comment) => check(comment, comment.value)),
    };
  },
};

const size = { skipBlankLines: true, skipComments: true };

export default typescript.config(
  { ignores: ['dist/', 'src/generated/', 'coverage/', 'reports/', '.cache/', '.slipway/', 'node_modules/'] },
  js.configs.recommended,
  ...typescript.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 300, ...size }],
      'max-lines-per-function': ['error', { max: 50, ...size }],
      'no-console': 'off',
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/platform/**', 'src/runtime/**'],
    plugins: { house: { rules: { 'no-feature-names': noFeatureNames } } },
    rules: { 'house/no-feature-names': 'error' },
  },
  {
    // Where work is done, and what it connects to, are columns of the runtime's own table.
    files: ['src/runtime/**'],
    rules: { 'house/no-feature-names': ['error', ['region', 'cluster']] },
  },
  {
    // Tests read as stories and may be long; what they get over the wire is unknown by nature.
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    ...typescript.configs.disableTypeChecked,
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', module: 'writable', URL: 'readonly' },
      parserOptions: { projectService: false },
    },
  },
);
