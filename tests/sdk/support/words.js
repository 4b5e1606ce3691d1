// What is said on both sides: an answer quotes its question, so that a mixed-up or shortened one is noticed.

export const cloudModel = "gpt-4o-mini";
// A loopback address with our port held on another one, so that no other test's server can come to listen there.
export const nobodyListens = "127.0.0.99";

export const claudeModel = "claude-sonnet-4-5";
export const localModel = "llama3.1:8b";
export const visionModel = "qwen2.5vl:7b";
export const thinkingModel = "qwen3:8b";

// Secrets of the caller; each is looked for wherever it has no business.
export const canaries = {
  openaiKey: "sk-canary-openai-7Qm2xV9",
  organization: "org-canary-Zk41",
  project: "proj_canary_Yt83",
  anthropicKey: "sk-ant-canary-Lw05nB6",
  bearer: "canary-bearer-Hd27",
};

export const question = "Why does the sea rise twice a day?";
export const system = "Speak like a harbour master.";

/** The complete answer of `who` ("cloud" or "local") to a conversation. */
export function answerOf(who, asked, instructed = "") {
  const under = instructed === "" ? "" : ` (told: ${instructed})`;
  return `The ${who} model on “${asked}”${under}: two bulges of water — 🌊 one towards the moon, one away from it — pass by.`;
}

/** Pieces as a stream sends them: their concatenation is the text. */
export function pieces(text) {
  return text.match(/\s*\S+/gu) ?? [];
}

export const countTokens = (text) => pieces(text).length;
