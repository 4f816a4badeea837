import { waitFor } from './wait-for.ts';

export interface ReceivedEvent {
  id: number;
  type: string;
  data: Record<string, unknown>;
}

/** A stream of Server-Sent Events as it comes over the wire. */
export class EventStream {
  readonly response: Response;
  /** Resolves when the server closes it, or `cut` does. */
  readonly closed: Promise<void>;
  readonly #abort: AbortController;
  #text = '';

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const abort = new AbortController();
    return new EventStream(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.closed = this.#read();
    this.closed.catch(() => {}); // whoever awaits it hears of it
  }

  get text(): string {
    return this.#text;
  }

  get events(): ReceivedEvent[] {
    return this.#text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => {
        const match = /^id: (\d+)\nevent: (\S+)\ndata: (.*)$/.exec(block);
        return match ? [{ id: Number(match[1]), type: match[2] as string, data: JSON.parse(match[3] as string) }] : [];
      });
  }

  waitForEvent(type: string): Promise<ReceivedEvent> {
    return waitFor(() => this.events.find((event) => event.type === type), { describe: `the event ${type}` });
  }

  /** Breaks the connection off from this side. */
  async cut(): Promise<void> {
    this.#abort.abort();
    await this.closed;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.response.body ?? []) this.#text += decoder.decode(chunk, { stream: true });
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }
}
