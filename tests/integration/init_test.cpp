// `tideover init` on a terminal and without one: what it asks, what it writes, what it never does.
#include <sys/stat.h>
#include <unistd.h>

#include "integration/world.hpp"
#include "support/living_ollama.hpp"
#include "support/run_program.hpp"
#include "support/terminal.hpp"

namespace tideover::test {
namespace {

constexpr auto openai_key = "sk-proj-very-secret";

living_options library() {
  living_options how;
  how.installed.clear();
  for (const auto* name : {"llama3.1:8b", "qwen2.5-coder:7b", "phi4:14b", "mistral:7b"}) {
    auto& m = how.installed.emplace_back();
    m.name = name;
    m.digest = std::string(63, 'a') + static_cast<char>('a' + how.installed.size());
    m.loaded = false;
  }
  auto& remote = how.installed.emplace_back();
  remote.name = "gpt-oss:120b-cloud";
  return how;
}

/// A port on which nothing listens, as long as this lives.
struct nobody {
  nobody() { server.stop(); }
  scripted_upstream server;
};

class Init : public ::testing::Test {
 protected:
  program_result init(std::vector<std::string> more, environment_of_program environment = {}) {
    environment.try_emplace("OLLAMA_HOST", "127.0.0.1:" + std::to_string(ollama_.port()));
    std::vector<std::string> words{"init", "--output", file_};
    words.insert(words.end(), more.begin(), more.end());
    return run_tideover(words, environment);
  }
  terminal on_terminal(std::vector<std::string> more = {}, environment_of_program environment = {}) {
    environment.try_emplace("OLLAMA_HOST", "127.0.0.1:" + std::to_string(ollama_.port()));
    environment.try_emplace("PATH", "/usr/bin:/bin");
    environment.try_emplace("HOME", folder_.path());
    std::vector<std::string> words{tideover_binary(), "init", "--output", file_};
    words.insert(words.end(), more.begin(), more.end());
    return terminal(words, environment);
  }
  std::string text() const { return read_file(file_); }
  void expect_good(const environment_of_program& environment = {}) const {
    auto const checked = run_tideover({"check", "--config", file_}, environment);
    EXPECT_EQ(checked.exit_code, 0) << checked.err << text();
    EXPECT_EQ(checked.err, "");
  }
  unsigned mode() const {
    struct stat about {};
    return ::stat(file_.c_str(), &about) == 0 ? about.st_mode & 07777U : 0;
  }

  temporary_folder folder_;
  std::string file_ = folder_.file("deep/er/tideover.yaml");
  scripted_upstream ollama_;
};

TEST_F(Init, WithoutATerminalWritesWhatItFound) {
  living_ollama const models(ollama_, library());
  environment_of_program const with_key{{"OPENAI_API_KEY", openai_key}};
  auto const done = init({}, with_key);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.err, "");
  EXPECT_NE(done.out.find("wrote " + file_), std::string::npos);
  EXPECT_NE(done.out.find("tideover check --config " + file_), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("eval \"$(tideover env"), std::string::npos) << done.out;
  for (const auto* line : {"{cloud: \"*codex*\", local: qwen2.5-coder:7b}", "{cloud: \"o*\", local: phi4:14b}",
                           "{cloud: \"*\", local: llama3.1:8b}", "credential: {env: OPENAI_API_KEY}",
                           "# credential: {env: ANTHROPIC_API_KEY}", "# legal: {policy: local_only}"})
    EXPECT_NE(text().find(line), std::string::npos) << line << "\n" << text();
  EXPECT_EQ((text() + done.out).find("secret"), std::string::npos);
  EXPECT_EQ(text().find("120b-cloud"), std::string::npos) << "that model is not local";
  EXPECT_EQ(mode(), 0600U);
  expect_good(with_key);
}

TEST_F(Init, WithoutOllamaOrModelsSaysWhatToDo) {
  nobody const gone;
  environment_of_program const nowhere{{"OLLAMA_HOST", gone.server.url()}};
  auto done = init({"--yes"}, nowhere);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_NE(done.out.find("ollama serve"), std::string::npos) << done.out;
  EXPECT_NE(text().find("url: " + gone.server.url()), std::string::npos) << text();
  EXPECT_NE(text().find("# models:"), std::string::npos) << text();
  expect_good();

  living_options how;
  how.installed.clear();
  living_ollama const empty(ollama_, how);
  done = init({"--yes", "--force"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.out.find("ollama serve"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("ollama pull llama3.1:8b"), std::string::npos) << done.out;
  expect_good();
}

TEST_F(Init, OverwritesNothingUnlessForced) {
  living_ollama const models(ollama_, library());
  ASSERT_EQ(init({}).exit_code, 0);
  auto const first = text();
  folder_.write("deep/er/tideover.yaml", "# mine\n");
  auto const refused = init({"--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("--force"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(text(), "# mine\n");
  auto asked = on_terminal();  // not even questions
  EXPECT_TRUE(asked.shows("exists already")) << asked.everything();
  EXPECT_EQ(asked.exit_code(), 1);
  EXPECT_EQ(init({"--force"}).exit_code, 0);
  EXPECT_EQ(text(), first);
}

TEST_F(Init, SaysWhereItCannotWrite) {
  living_ollama const models(ollama_, library());
  folder_.write("deep", "a file where a folder should be");
  auto const done = init({});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.err.find("--output"), std::string::npos) << done.err;
  EXPECT_EQ(done.out, "");
}

// 192.0.2.0/24 belongs to nobody (RFC 5737); it is not asked all the same.
TEST_F(Init, RefusesAServerThatIsNotInTheHouse) {
  for (const auto* where : {"http://192.0.2.1:11434", "https://ollama.com", "http://user:word@127.0.0.1:1"}) {
    auto const done = init({}, {{"OLLAMA_HOST", where}});
    EXPECT_EQ(done.exit_code, 78) << where << done.out;
    EXPECT_TRUE(done.err.starts_with("tideover: $OLLAMA_HOST: ")) << done.err;
    EXPECT_NE(::access(file_.c_str(), F_OK), 0) << where;
  }
}

TEST_F(Init, TellsScriptsInJson) {
  living_ollama const models(ollama_, library());
  auto const done = init({"--json"}, {{"ANTHROPIC_API_KEY", openai_key}});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  auto const told = nlohmann::json::parse(done.out, nullptr, false);
  ASSERT_TRUE(told.is_object()) << done.out;
  EXPECT_EQ(told["file"], file_);
  EXPECT_EQ(told["ollama"]["answers"], true);
  EXPECT_EQ(told["ollama"]["models"].size(), 4U);
  EXPECT_EQ(told["models"].back()["local"], "llama3.1:8b");
  EXPECT_EQ(told["credentials"], nlohmann::json::array({"ANTHROPIC_API_KEY"}));
  EXPECT_FALSE(told["next"].empty());
}

TEST_F(Init, AsksOnATerminalAndTakesTheAnswers) {
  living_ollama const models(ollama_, library());
  environment_of_program const keys{{"OPENAI_API_KEY", openai_key}, {"ANTHROPIC_API_KEY", openai_key}};
  auto asked = on_terminal({}, keys);
  ASSERT_TRUE(asked.shows("4  ")) << asked.everything();
  ASSERT_TRUE(asked.shows("Which one stands in")) << asked.everything();
  asked.type("9\r");
  ASSERT_TRUE(asked.shows("a number from 1 to 4")) << asked.everything();
  ASSERT_TRUE(asked.shows("Which one stands in"));
  asked.type("mistral:7b\r");
  ASSERT_TRUE(asked.shows("$OPENAI_API_KEY is set.")) << asked.everything();
  asked.type("n\r");
  ASSERT_TRUE(asked.shows("$ANTHROPIC_API_KEY is set.")) << asked.everything();
  asked.type("\r");
  ASSERT_TRUE(asked.shows("never leave this house")) << asked.everything();
  asked.type("all\r");
  ASSERT_TRUE(asked.shows("That is no name")) << asked.everything();
  ASSERT_TRUE(asked.shows("never leave this house"));
  asked.type("legal\r");
  EXPECT_TRUE(asked.shows("wrote " + file_)) << asked.everything();
  EXPECT_EQ(asked.exit_code(), 0);
  EXPECT_NE(text().find("{cloud: \"*\", local: mistral:7b}"), std::string::npos) << text();
  EXPECT_NE(text().find("# credential: {env: OPENAI_API_KEY}"), std::string::npos) << text();
  EXPECT_NE(text().find("    credential: {env: ANTHROPIC_API_KEY}"), std::string::npos) << text();
  EXPECT_NE(text().find("legal\": {policy: local_only}"), std::string::npos) << text();
  expect_good(keys);
}

TEST_F(Init, AsksWhereOllamaIsWhenItIsNotThere) {
  nobody const gone;
  living_ollama const models(ollama_, library());
  auto asked = on_terminal({}, {{"OLLAMA_HOST", gone.server.url()}});
  ASSERT_TRUE(asked.shows("No Ollama answers at " + gone.server.url())) << asked.everything();
  asked.type("http://192.0.2.1:11434\r");
  ASSERT_TRUE(asked.shows("That cannot be: ")) << asked.everything();
  ASSERT_TRUE(asked.shows("Where is it?")) << asked.everything();
  asked.type(ollama_.url() + "\r");
  ASSERT_TRUE(asked.shows("Which one stands in")) << asked.everything();
  asked.type("\r");
  ASSERT_TRUE(asked.shows("never leave this house")) << asked.everything();
  asked.type("\r");
  EXPECT_EQ(asked.exit_code(), 0) << asked.everything();
  EXPECT_NE(text().find("url: " + ollama_.url()), std::string::npos) << text();
  expect_good();
}

TEST_F(Init, WritesNothingWhenTheOperatorLeaves) {
  living_ollama const models(ollama_, library());
  auto asked = on_terminal();
  ASSERT_TRUE(asked.shows("Which one stands in")) << asked.everything();
  asked.press_ctrl_d();
  EXPECT_EQ(asked.exit_code(), 1);
  EXPECT_NE(asked.everything().find("nothing was written"), std::string::npos) << asked.everything();
  EXPECT_NE(::access(file_.c_str(), F_OK), 0);
}

TEST_F(Init, AsksNothingWithYes) {
  living_ollama const models(ollama_, library());
  auto asked = on_terminal({"--yes"});
  EXPECT_EQ(asked.exit_code(), 0) << asked.everything();
  EXPECT_EQ(asked.everything().find('?'), std::string::npos) << asked.everything();
  expect_good();
}

TEST_F(Init, UsesTheUsualPlaceOfAUserAndTheDaemonStartsWithIt) {
  living_ollama const models(ollama_, library());
  if (::geteuid() == 0) {
    // Root's usual place is the service's; here the variable stands for another.
    auto const done = run_tideover({"init", "--yes"}, {{"OLLAMA_HOST", ollama_.url()}, {"TIDEOVER_CONFIG", file_}});
    EXPECT_EQ(done.exit_code, 0) << done.err;
    EXPECT_NE(done.out.find("  tideover check\n"), std::string::npos) << done.out;
  } else {
    auto const done =
        run_tideover({"init", "--yes"}, {{"OLLAMA_HOST", ollama_.url()}, {"XDG_CONFIG_HOME", folder_.path()}});
    EXPECT_EQ(done.exit_code, 0) << done.err;
    file_ = folder_.file("tideover/tideover.yaml");
  }
  expect_good();
  daemon_process served(
      {.yaml = text(), .environment = {}, .arguments = {"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}});
  ASSERT_TRUE(served.serves()) << served.all_output();
  EXPECT_EQ(served.stop(), 0);
}

}  // namespace
}  // namespace tideover::test
