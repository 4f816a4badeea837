import type mustacheLibrary from 'mustache';
import { NonRetryableError } from '../../define/errors.ts';

type Writer = InstanceType<typeof mustacheLibrary.Writer>;
type Context = InstanceType<typeof mustacheLibrary.Context>;

/** What a template may come to: sections within sections multiply. */
const MAX_CHARACTERS = 10 * 1024 * 1024;
const MAX_SECTIONS = 100_000;

export interface Renderer {
  /** @param name of the part, for messages: `subject`, `text` or `html` */
  render(name: string, template: string, variables: Readonly<Record<string, unknown>>): string;
}

/**
 * Mustache (https://mustache.github.io/mustache.5.html) without partials. Values are escaped in `html` alone. A variable
 * that is not given is an error; a section of that name is left out.
 */
export async function createRenderer(): Promise<Renderer> {
  const { default: mustache } = await import('mustache');

  // The library's own looks along prototypes too, and calls functions: `{{list.pop}}` changed what all jobs of a worker share.
  class OwnContext extends mustache.Context {
    readonly #outer: OwnContext | undefined;

    constructor(view: unknown, outer?: OwnContext) {
      super(view, outer);
      this.#outer = outer;
    }

    override push(view: unknown): OwnContext {
      return new OwnContext(view, this);
    }

    override lookup(name: string): unknown {
      if (name === '.') return this.view;
      const found = findOwn(this.view, name.split('.'));
      return found ? found.value : this.#outer?.lookup(name);
    }
  }

  class StrictWriter extends mustache.Writer {
    characters = 0;
    sections = 0;

    override renderTokens(...args: Parameters<Writer['renderTokens']>): string {
      this.sections += 1;
      const rendered = super.renderTokens(...args);
      this.characters += rendered.length;
      if (this.sections > MAX_SECTIONS || this.characters > MAX_CHARACTERS) {
        throw new Error('it comes to more text than an e-mail may have');
      }
      return rendered;
    }

    override escapedValue(...args: Parameters<Writer['escapedValue']>): string {
      requireValue(args[0], args[1]);
      return super.escapedValue(...args);
    }

    override unescapedValue(token: string[], context: Context): string {
      requireValue(token, context);
      return super.unescapedValue(token, context);
    }

    override renderPartial(token: string[]): string {
      throw new Error(`it includes "${token[1]}": partials are not supported`);
    }
  }

  return {
    render(name, template, variables) {
      const writer = new StrictWriter(); // a new one: it keeps what it parses, and templates come with requests
      const config = name === 'html' ? undefined : { escape: String };
      try {
        return writer.render(template, new OwnContext(withoutPrototypes(variables)), undefined, config);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new NonRetryableError(`the ${name} cannot be rendered: ${why}`, { cause });
      }
    },
  };
}

function requireValue([, name = '']: string[], context: Context): void {
  if (context.lookup(name) === undefined) throw new Error(`there is no variable "${name}"`);
}

/** What lies at a path of own properties, so that nothing is found that the variables do not hold. */
function findOwn(view: unknown, path: readonly string[]): { value: unknown } | undefined {
  let value = view;
  for (const name of path) {
    if (value === null || value === undefined || !Object.hasOwn(Object(value), name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return { value };
}

// Otherwise `{{object}}` would come to "[object Object]".
function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes);
  if (value === null || typeof value !== 'object') return value;
  return Object.assign(
    Object.create(null),
    Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutPrototypes(item)])),
  );
}
