// Ollama's own API in front of several Ollamas: one list of models, and each request goes where its model is.
#include <gtest/gtest.h>

#include <future>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"

namespace tideover::test {
namespace {

ollama::model named(const std::string& name, char digest, bool loaded = true) {
  ollama::model m;
  m.name = name;
  m.digest = std::string(64, digest);
  m.loaded = loaded;
  return m;
}

living_options with(std::vector<ollama::model> installed) {
  living_options how;
  how.installed = std::move(installed);
  return how;
}

std::string native_chat(const std::string& model, const std::string& words = "Why tides?") {
  auto const message = nlohmann::json{{"role", "user"}, {"content", words}};
  return nlohmann::json{{"model", model}, {"stream", false}, {"messages", nlohmann::json::array({message})}}.dump();
}

/// The world's Ollama has llama3.1:8b and phi4:14b; another one has mistral:7b, llama3.1:8b with other files, and a
/// stub whose prompts leave the house.
struct two_ollamas : world {
  two_ollamas()
      : here(ollama, with({named("llama3.1:8b", 'a'), named("phi4:14b", 'b', false)})),
        there(other, with({named("mistral:7b", 'c'), named("llama3.1:8b", 'd', false), stub()})) {
    options.more_upstreams = "  second: {tier: local, dialect: ollama, url: \"" + other.url() + "\"}\n";
  }
  /// Both as URLs of one upstream.
  std::string as_urls() const {
    auto one = options;
    one.more_upstreams.clear();
    auto text = yaml(one);
    auto const url = "url: \"" + ollama.url() + "\"";
    return text.replace(text.find(url), url.size(), "urls: [\"" + ollama.url() + "\", \"" + other.url() + "\"]");
  }
  static ollama::model stub() {
    auto m = named("gpt-oss:120b-cloud", 'e', false);
    m.remote_host = "https://ollama.com:443";
    return m;
  }

  world_options options;
  scripted_upstream other;
  living_ollama here, there;
};

using names = std::vector<std::string>;

names listed(const http_answer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  names found;
  auto const all = json_of(answer);
  for (const auto& m : all["models"]) found.push_back(m["name"]);
  return found;
}

std::size_t chats(const scripted_upstream& server) { return server.requests_to("/api/chat").size(); }

TEST(SeveralOllamas, AreListedAsOneAndEachListedModelIsServed) {
  two_ollamas w;
  w.start(w.options);
  auto const tags = get(w.port(), "/api/tags");
  EXPECT_EQ(listed(tags), (names{"llama3.1:8b", "phi4:14b", "mistral:7b"}));
  auto const first = json_of(tags)["models"][0];
  EXPECT_EQ(first["digest"], std::string(64, 'a')) << "as the first server has it";
  EXPECT_TRUE(first.contains("details")) << "with everything that Ollama told";
  EXPECT_EQ(listed(get(w.port(), "/api/ps")), (names{"llama3.1:8b", "mistral:7b"}));
  EXPECT_EQ(get(w.port(), "/api/version").body, R"({"version":"0.33.0"})");
  struct row {
    const char *model, *upstream;
  };
  for (auto const& [model, upstream] :
       {row{"llama3.1:8b", "ollama"}, row{"phi4:14b", "ollama"}, row{"mistral:7b", "second"}}) {
    auto const served = post(w.port(), "/api/chat", native_chat(model));
    EXPECT_EQ(served.status, 200) << served.body;
    EXPECT_EQ(served.field("x-tideover-upstream"), upstream) << model;
    EXPECT_EQ(served.field("x-tideover-model"), model);
    auto const shown = post(w.port(), "/api/show", nlohmann::json{{"model", model}}.dump());
    EXPECT_EQ(shown.status, 200) << shown.body;
    EXPECT_EQ(shown.field("x-tideover-upstream"), upstream) << model;
  }
  // Who asks for what nobody has hears it from Ollama.
  auto const nowhere = post(w.port(), "/api/chat", native_chat("nowhere:1b"));
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(json_of(nowhere)["error"], "model 'nowhere:1b' not found");
  EXPECT_EQ(w.openai.connections() + w.anthropic.connections(), 0U);
}

TEST(SeveralOllamas, AreListedWithoutThoseThatDoNotAnswer) {
  two_ollamas w;
  w.start(w.options);
  EXPECT_EQ(listed(get(w.port(), "/api/tags")).size(), 3U);
  w.ollama.stop();
  auto const tags = get(w.port(), "/api/tags");
  EXPECT_EQ(listed(tags), (names{"mistral:7b", "llama3.1:8b"}));
  EXPECT_EQ(tags.field("x-tideover-upstream"), "second");
  EXPECT_EQ(json_of(tags)["models"][1]["digest"], std::string(64, 'd'));
  EXPECT_EQ(get(w.port(), "/api/version").body, R"({"version":"0.33.0"})");
  EXPECT_EQ(post(w.port(), "/api/show", R"({"model":"llama3.1:8b"})").field("x-tideover-upstream"), "second");
  w.other.stop();
  auto const nobody = get(w.port(), "/api/tags");
  EXPECT_EQ(nobody.status, 503);
  EXPECT_TRUE(json_of(nobody)["error"].is_string()) << nobody.body;
}

TEST(SeveralUrls, AreListedAsOneAndAskedForWhatTheyHave) {
  two_ollamas w;
  daemon_options how;
  how.yaml = w.as_urls();
  daemon_process daemon(how);
  ASSERT_TRUE(daemon.serves()) << daemon.all_output();
  EXPECT_EQ(listed(get(daemon.port(), "/api/tags")), (names{"llama3.1:8b", "phi4:14b", "mistral:7b"}));
  EXPECT_EQ(post(daemon.port(), "/api/chat", native_chat("mistral:7b")).status, 200);
  EXPECT_EQ(chats(w.ollama), 0U);
  EXPECT_EQ(post(daemon.port(), "/api/chat", native_chat("phi4:14b")).status, 200);
  EXPECT_EQ(chats(w.ollama), 1U);
  EXPECT_EQ(post(daemon.port(), "/api/show", R"({"model":"mistral:7b"})").status, 200);
  w.ollama.stop();
  EXPECT_EQ(get(daemon.port(), "/api/version").status, 200);
  EXPECT_EQ(post(daemon.port(), "/api/show", R"({"model":"llama3.1:8b"})").status, 200) << "the other one has it, too";
  EXPECT_EQ(listed(get(daemon.port(), "/api/tags")), (names{"mistral:7b", "llama3.1:8b"}));
  EXPECT_EQ(post(daemon.port(), "/api/chat", native_chat("llama3.1:8b")).status, 200);
}

/// Stopped (SIGSTOP), it takes connections and says nothing.
void fall_silent(scripted_upstream& server) {
  for (const char* path : {"/api/tags", "/api/ps", "/api/show", "/api/version", "/api/chat"})
    server.on(path, [](served_connection& c, const recorded_request&) { c.say_nothing(); });
}

TEST(AnOllamaThatFallsSilent, HoldsNobodyUpWhereAnotherHasTheModel) {
  two_ollamas w;
  w.openai.stop();
  w.start(w.options);
  EXPECT_EQ(listed(get(w.port(), "/api/tags")).size(), 3U);
  fall_silent(w.ollama);
  EXPECT_EQ(listed(get(w.port(), "/api/tags")), (names{"mistral:7b", "llama3.1:8b"})) << "and everybody knows now";
  auto const native = post(w.port(), "/api/chat", native_chat("llama3.1:8b"));
  EXPECT_EQ(native.field("x-tideover-upstream"), "second");
  auto const stood_in = w.chat();
  EXPECT_EQ(stood_in.field("x-tideover-upstream"), "second") << stood_in.body;
  EXPECT_EQ(get(w.port(), "/api/version").field("x-tideover-upstream"), "second");
  EXPECT_EQ(chats(w.ollama), 0U);
}

TEST(AnOllamaThatFallsSilent, HoldsNobodyUpWhereAnotherUrlHasTheModel) {
  two_ollamas w;
  daemon_options how;
  how.yaml = w.as_urls();
  daemon_process daemon(how);
  ASSERT_TRUE(daemon.serves()) << daemon.all_output();
  EXPECT_EQ(listed(get(daemon.port(), "/api/tags")).size(), 3U);
  fall_silent(w.ollama);
  EXPECT_EQ(listed(get(daemon.port(), "/api/tags")).size(), 2U);
  EXPECT_EQ(post(daemon.port(), "/api/chat", native_chat("llama3.1:8b")).status, 200);
  EXPECT_EQ(get(daemon.port(), "/api/version").status, 200);
  EXPECT_EQ(chats(w.ollama), 0U);
}

TEST(AnOllamaThatWasStartedAnew, WithOtherModelsServesWithOneOfThose) {
  world w;
  living_ollama living(w.ollama, with({named("llama3.1:8b", 'a')}));
  w.openai.stop();
  w.start();
  EXPECT_EQ(w.chat().field("x-tideover-model"), "llama3.1:8b");
  living.change([](living_options& how) { how.installed = {named("phi4:14b", 'b', false)}; });
  auto const answer = w.chat();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.field("x-tideover-model"), "phi4:14b");
}

TEST(NativeChats, WaitForTheirPlaceByTheirWorkflowsPriority) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  world w;
  living_ollama living(w.ollama, how);
  world_options options;
  options.local_more = ", concurrency: 1";
  options.workflows = "workflows: {default: {policy: cloud_first}, vip: {policy: cloud_first, priority: high}}";
  w.start(options);
  auto const ask = [&](const std::string& words, const std::string& workflow) {
    return std::async(std::launch::async, [&w, words, workflow] {
      return post(w.port(), "/api/chat", native_chat("llama3.1:8b", words), {{"X-Tideover-Workflow", workflow}});
    });
  };
  auto const waiting = [&](double count) {
    return eventually([&] { return w.daemon().metric("tideover_local_queue_length") == count; });
  };
  auto first = ask("first", "default");
  ASSERT_TRUE(eventually([&] { return living.order().size() == 1; }));
  auto second = ask("second", "default");
  ASSERT_TRUE(waiting(1));
  auto third = ask("vip", "vip");
  ASSERT_TRUE(waiting(2));
  opened.open();
  for (auto* one : {&first, &second, &third}) {
    auto const answer = one->get();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.field("x-tideover-tier"), "local");
  }
  EXPECT_EQ(living.order(), (names{"first", "vip", "second"}));
  EXPECT_EQ(living.most_at_once(), 1);
}

TEST(NativeChats, AreTurnedAwayInOllamasWordsWhereTheQueueIsFull) {
  living_options how;
  gate opened;
  how.generate_until = opened;
  world w;
  living_ollama living(w.ollama, how);
  world_options options;
  options.local_more = ", concurrency: 1, queue: {limit: 1}";
  w.start(options);
  auto const ask = [&] { return post(w.port(), "/api/chat", native_chat("llama3.1:8b")); };
  auto inside = std::async(std::launch::async, ask);
  ASSERT_TRUE(eventually([&] { return living.order().size() == 1; }));
  auto waits = std::async(std::launch::async, ask);
  ASSERT_TRUE(eventually([&] { return w.daemon().metric("tideover_local_queue_length") == 1; }));
  auto const refused = ask();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("x-tideover-error"), "local_queue_full");
  EXPECT_TRUE(refused.has("retry-after"));
  EXPECT_TRUE(json_of(refused)["error"].is_string()) << refused.body;
  // What is no work for the server waits for nobody.
  EXPECT_EQ(get(w.port(), "/api/tags").status, 200);
  EXPECT_EQ(post(w.port(), "/api/show", R"({"model":"llama3.1:8b"})").status, 200);
  opened.open();
  EXPECT_EQ(inside.get().status, 200);
  EXPECT_EQ(waits.get().status, 200);
}

}  // namespace
}  // namespace tideover::test
