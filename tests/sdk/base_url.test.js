// What the documentation promises: an app sets one environment variable and changes nothing else.
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import { answerOf, canaries, claudeModel, cloudModel, question } from "./support/words.js";
import { worldTest } from "./support/world.js";

const messages = [{ role: "user", content: question }];

worldTest("OPENAI_BASE_URL is all that an app of OpenAI needs", {}, async (world) => {
  process.env.OPENAI_BASE_URL = `${world.daemon.url}/v1`;
  try {
    const ask = async () => (await new OpenAI({ apiKey: canaries.openaiKey }).chat.completions.create({ model: cloudModel, messages })).choices[0].message.content;
    assert.equal(await ask(), answerOf("cloud", question));
    assert.equal(world.cloud.requests[0].headers.authorization, `Bearer ${canaries.openaiKey}`);
    await world.cloud.die();
    assert.equal(await ask(), answerOf("local", question));
  } finally {
    delete process.env.OPENAI_BASE_URL;
  }
});

worldTest("ANTHROPIC_BASE_URL is all that an app of Anthropic needs", {}, async (world) => {
  process.env.ANTHROPIC_BASE_URL = world.daemon.url;
  try {
    const ask = async () => (await new Anthropic({ apiKey: canaries.anthropicKey }).messages.create({ model: claudeModel, max_tokens: 64, messages })).content[0].text;
    assert.equal(await ask(), answerOf("cloud", question));
    // The package sends x-api-key before its version 1, Authorization since.
    const { "x-api-key": key, authorization = `Bearer ${key}` } = world.cloud.requests[0].headers;
    assert.equal(authorization, `Bearer ${canaries.anthropicKey}`);
    await world.cloud.die();
    assert.equal(await ask(), answerOf("local", question));
  } finally {
    delete process.env.ANTHROPIC_BASE_URL;
  }
});
