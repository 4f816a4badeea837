import type { ConnectorDefinition } from '../define/connector.ts';
import { NonRetryableError } from '../define/errors.ts';
import type { Connectors } from '../define/records.ts';

/** By name: what CONNECTOR_SECRET_<NAME> holds. */
export type ConnectorSecrets = Readonly<Record<string, { origin: string; secret: string }>>;

/** A secret only goes where the operator wants it: the URL comes from whoever enqueues a job. */
export function createConnectors(
  secrets: ConnectorSecrets,
  getConnectors: () => Promise<ReadonlyMap<string, ConnectorDefinition>>,
): Connectors {
  return {
    find: async (name) => (await getConnectors()).get(name),
    async resolve(name, parameters) {
      const { requireNamed } = await import('../define/named.ts');
      const found = await requireNamed('connector', await getConnectors(), { name, parameters });
      return { connector: found.part, parameters: found.parameters };
    },
    secret(name, url) {
      const found = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
      if (!found) throw new NonRetryableError(`there is no secret "${name}": set CONNECTOR_SECRET_${name}`);
      const { origin } = new URL(url);
      if (found.origin === origin) return found.secret;
      throw new NonRetryableError(
        `the secret "${name}" is not for ${origin}: CONNECTOR_SECRET_${name} names its origin`,
      );
    },
  };
}
