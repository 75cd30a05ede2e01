/** A kubeconfig for one cluster; every value is JSON-quoted, so that any name is valid YAML. */
export function kubeconfigOf({ name, server, caData, token }: { name: string; server: string; caData: string; token: string }): string {
  const text = JSON.stringify;
  return [
    'apiVersion: v1',
    'kind: Config',
    `current-context: ${text(name)}`,
    'clusters:',
    `  - name: ${text(name)}`,
    '    cluster:',
    `      server: ${text(server)}`,
    `      certificate-authority-data: ${caData}`,
    'users:',
    `  - name: ${text(name)}`,
    '    user:',
    `      token: ${text(token)}`,
    'contexts:',
    `  - name: ${text(name)}`,
    '    context:',
    `      cluster: ${text(name)}`,
    `      user: ${text(name)}`,
    '',
  ].join('\n');
}
