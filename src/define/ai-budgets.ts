export interface AiCall {
  tenant: string;
  model: string;
  /** Estimates; the call should not exceed them by much. */
  inputTokens: number;
  outputTokens: number;
}

export interface AiTokens {
  inputTokens: number;
  outputTokens: number;
}

/** What the AI calls of each tenant may use in a day (UTC): AI_TOKENS_PER_DAY and AI_COST_PER_DAY. */
export interface AiBudgets {
  /**
   * Takes the estimate of a call out of today's budget, so that calls at the same time cannot exceed it together.
   * Without limits it is granted, and only counted.
   * @throws STORE_UNAVAILABLE
   */
  reserve(call: AiCall): Promise<AiGrant | AiRefusal>;
}

/** End it with either; where the process dies before, the estimate stays counted for that day. */
export interface AiGrant {
  kind: 'granted';
  /** Puts what was really used in place of the estimate. @returns its cost in millionths of the currency */
  settle(used: AiTokens): Promise<number>;
  /** Gives the estimate back: the call was not made, or cost nothing. */
  release(): Promise<void>;
}

export interface AiRefusal {
  kind: 'refused';
  /** For people: which limit, and how much of it is used. */
  why: string;
  /** Until the next day (UTC); undefined where the call alone exceeds what a day allows. */
  waitMs: number | undefined;
}
