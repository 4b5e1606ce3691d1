// Flag over environment over file over default, and which file is read.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fake_world.hpp"
#include "tideover/config/values.hpp"

namespace tideover::config {
namespace {

using test::fake_world;

// Each setting read back as text, so that one table can hold all of them.
struct setting {
  std::string_view name;
  std::string_view file;
  std::string_view variable;
  void (*set_flag)(overrides&, std::string);
  std::string (*read)(const snapshot&);
  std::string_view by_default, by_file, by_environment, by_flag;
};

const setting settings[] = {
    {"listen", "listen: [{address: 127.0.0.1:1}]\n", "TIDEOVER_LISTEN",
     [](overrides& o, std::string v) { o.listen = {std::move(v)}; },
     [](const snapshot& s) { return to_string(s.listeners.at(0).at); }, "127.0.0.1:6837", "127.0.0.1:1", "127.0.0.1:2",
     "127.0.0.1:3"},
    {"admin", "admin: {address: 127.0.0.1:1}\n", "TIDEOVER_ADMIN",
     [](overrides& o, std::string v) { o.admin = std::move(v); },
     [](const snapshot& s) { return to_string(s.admin.at); }, "127.0.0.1:6838", "127.0.0.1:1", "127.0.0.1:2",
     "127.0.0.1:3"},
    {"cloud", "upstreams: {openai: {tier: cloud, url: https://file}, ollama: {tier: local, url: http://h}}\n",
     "TIDEOVER_CLOUD_URL", [](overrides& o, std::string v) { o.cloud_url = std::move(v); },
     [](const snapshot& s) { return s.find_upstream("openai")->urls.at(0).to_string(); }, "https://api.openai.com",
     "https://file", "https://environment", "https://flag"},
    {"local", "upstreams: {openai: {tier: cloud, url: https://h}, ollama: {tier: local, url: http://file}}\n",
     "TIDEOVER_LOCAL_URL", [](overrides& o, std::string v) { o.local_url = std::move(v); },
     [](const snapshot& s) { return s.find_upstream("ollama")->urls.at(0).to_string(); }, "http://127.0.0.1:11434",
     "http://file", "http://environment", "http://flag"},
    {"local-model", "models: [{cloud: x, local: file}, {cloud: y, local: other}]\n", "TIDEOVER_LOCAL_MODEL",
     [](overrides& o, std::string v) { o.local_model = std::move(v); },
     [](const snapshot& s) { return s.models.empty() ? std::string() : s.models.at(0).local; }, "", "file",
     "environment", "flag"},
    {"log-level", "log: {level: error}\n", "TIDEOVER_LOG_LEVEL",
     [](overrides& o, std::string v) { o.log_level = std::move(v); },
     [](const snapshot& s) { return std::to_string(static_cast<int>(s.log.level)); }, "2", "4", "debug", "trace"},
};

TEST(Precedence, IsFlagEnvironmentFileDefault) {
  for (const auto& s : settings) {
    for (unsigned given = 0; given < 16; ++given) {
      const bool in_file = given & 1, in_environment = given & 2, as_flag = given & 4, empty_variable = given & 8;
      fake_world world;
      overrides flags;
      if (in_environment) world.variables[std::string(s.variable)] = s.by_environment;
      if (empty_variable && !in_environment) world.variables[std::string(s.variable)] = "";  // empty means unset
      if (as_flag) s.set_flag(flags, std::string(s.by_flag));
      const auto result = world.load_text(in_file ? s.file : "", flags);
      ASSERT_TRUE(result.ok()) << s.name << " " << given << "\n" << test::all_of(result);
      std::string expected(as_flag          ? s.by_flag
                           : in_environment ? s.by_environment
                           : in_file        ? s.by_file
                                            : s.by_default);
      if (expected == "debug") expected = "1";
      if (expected == "trace") expected = "0";
      EXPECT_EQ(s.read(*result.snapshot), expected) << s.name << " " << given;
    }
  }
}

TEST(Overrides, OneModelForEverythingReplacesTheWholeTable) {
  overrides flags;
  flags.local_model = "llama3.1:8b";
  const auto result = fake_world{}.load_text("models: [{cloud: x, local: a}, {cloud: y, local: b}]\n", flags);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result.snapshot->models.size(), 1u);
  EXPECT_EQ(result.snapshot->models[0].cloud, "*");
  EXPECT_EQ(result.snapshot->models[0].local, "llama3.1:8b");
}

TEST(Overrides, SeveralListenersMayBeGiven) {
  overrides flags;
  flags.listen = {"127.0.0.1:0", "[::1]:0"};
  auto result = fake_world{}.load_text("{}\n", flags);
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_EQ(result.snapshot->listeners.size(), 2u);
  fake_world world;
  world.variables["TIDEOVER_LISTEN"] = " 127.0.0.1:1, 127.0.0.1:2 127.0.0.1:3";
  result = world.load_text("");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_EQ(result.snapshot->listeners.size(), 3u);
}

TEST(Overrides, AListenerKeepsWhatTheFileSaysOfThatVeryAddress) {
  const std::string_view yaml = "listen: [{address: 0.0.0.0:7000, allow_unauthenticated: true}]\n";
  overrides flags;
  flags.listen = {"0.0.0.0:7000"};
  EXPECT_TRUE(fake_world{}.load_text(yaml, flags).ok());
  flags.listen = {"0.0.0.0:7001"};
  EXPECT_FALSE(fake_world{}.load_text(yaml, flags).ok());
  flags = {};
  flags.admin = "0.0.0.0:1";
  EXPECT_FALSE(fake_world{}.load_text("admin: {address: 192.168.1.1:1, allow_unauthenticated: true}\n", flags).ok());
  EXPECT_TRUE(fake_world{}.load_text("admin: {address: 0.0.0.0:2, allow_unauthenticated: true}\n", flags).ok());
}

TEST(Overrides, UrlsFindTheUpstreamTheyMean) {
  overrides flags;
  flags.cloud_url = "http://127.0.0.1:9000/v1";
  flags.local_url = "http://127.0.0.1:9001";
  struct row {
    std::string_view yaml, cloud, local;
    std::size_t upstreams;
  };
  for (const auto& [yaml, cloud, local, upstreams] : std::initializer_list<row>{
           {"", "openai", "ollama", 3},
           {"upstreams: {gw: {tier: cloud, dialect: openai, url: https://h}, gpu: {tier: local, url: http://h}}\n",
            "gw", "gpu", 2},
           {"upstreams: {x: {tier: cloud, dialect: anthropic, url: https://h}}\n", "openai", "ollama", 3},
           {"upstreams: {openai: {tier: local, dialect: openai, url: http://h}}\n", "openai-cloud", "openai", 2},
           {"upstreams: {openai: {tier: cloud}, ollama: {tier: local}}\n", "openai", "ollama", 2},
       }) {
    const auto result = fake_world{}.load_text(yaml, flags);
    ASSERT_TRUE(result.ok()) << yaml << test::all_of(result);
    EXPECT_EQ(result.snapshot->upstreams.size(), upstreams) << yaml;
    const auto* c = result.snapshot->find_upstream(cloud);
    const auto* l = result.snapshot->find_upstream(local);
    ASSERT_TRUE(c && l) << yaml;
    EXPECT_EQ(c->urls.at(0).to_string(), "http://127.0.0.1:9000") << yaml;
    EXPECT_EQ(c->tier, tier::cloud);
    EXPECT_EQ(c->dialect, dialect::openai);
    EXPECT_EQ(l->urls.at(0).to_string(), "http://127.0.0.1:9001") << yaml;
    EXPECT_EQ(l->tier, tier::local);
    EXPECT_FALSE(l->title.empty());
    EXPECT_FALSE(c->title.empty());
  }
}

TEST(Overrides, ProblemsNameTheFlagOrTheVariable) {
  struct row {
    std::string variable, value;
    void (*set_flag)(overrides&);
    std::string_view expected;
  };
  for (const auto& [variable, value, set_flag, expected] : std::initializer_list<row>{
           {"TIDEOVER_LISTEN", "6837", nullptr, "error: $TIDEOVER_LISTEN: `6837` is not an address"},
           {"TIDEOVER_LISTEN", "0.0.0.0:1", nullptr, "error: $TIDEOVER_LISTEN: 0.0.0.0:1 can be reached"},
           {"TIDEOVER_ADMIN", "x", nullptr, "error: $TIDEOVER_ADMIN: `x` is not an address"},
           {"TIDEOVER_ADMIN", "0.0.0.0:1", nullptr, "error: $TIDEOVER_ADMIN: 0.0.0.0:1 can be reached"},
           {"TIDEOVER_CLOUD_URL", "https://u:hunter2@h", nullptr,
            "error: $TIDEOVER_CLOUD_URL: the value holds a user name"},
           {"TIDEOVER_CLOUD_URL", "http://h", nullptr, "error: $TIDEOVER_CLOUD_URL: would send keys"},
           {"TIDEOVER_LOCAL_URL", "h", nullptr, "error: $TIDEOVER_LOCAL_URL: the value is not a URL"},
           {"TIDEOVER_LOCAL_URL", "http://8.8.8.8", nullptr,
            "error: $TIDEOVER_LOCAL_URL: this local upstream has a public"},
           {"TIDEOVER_LOCAL_MODEL", "a b", nullptr, "error: $TIDEOVER_LOCAL_MODEL: is not the name"},
           {"TIDEOVER_LOCAL_MODEL", "gpt-oss:120b-cloud", nullptr,
            "error: $TIDEOVER_LOCAL_MODEL: is a model that Ollama"},
           {"TIDEOVER_LOG_LEVEL", "debg", nullptr,
            "error: $TIDEOVER_LOG_LEVEL: `debg` is not one of trace, debug, info, warn, error; did you mean debug?"},
           {"TIDEOVER_ADMIN_TOKEN", "hunter2\nx", nullptr,
            "error: $TIDEOVER_ADMIN_TOKEN: the secret holds a control character"},
           {"TIDEOVER_CONTINGENCY", "defalt", nullptr,
            "error: $TIDEOVER_CONTINGENCY: there is no workflow `defalt`; did you mean `default`?"},
           {"OLLAMA_HOST", "8.8.8.8", nullptr, "error: $OLLAMA_HOST: this local upstream has a public address"},
           {"OLLAMA_HOST", "u:hunter2@h", nullptr, "error: $OLLAMA_HOST: the value holds a user name"},
           {"", "", [](overrides& o) { o.listen = {"127.0.0.1"}; }, "error: --listen: `127.0.0.1` is not an address"},
           {"", "", [](overrides& o) { o.admin = "127.0.0.1:6837"; }, "error: --admin: 127.0.0.1:6837 is taken"},
           {"", "", [](overrides& o) { o.cloud_url = "ftp://h"; }, "error: --cloud: the value has a scheme"},
           {"", "", [](overrides& o) { o.cloud_url = ""; }, "error: --cloud: the value is not a URL"},
           {"", "", [](overrides& o) { o.local_url = "http://127.0.0.1:6837"; },
            "error: --local: points at Tideover itself"},
           {"", "", [](overrides& o) { o.local_model = ""; }, "error: --local-model: is not the name"},
           {"", "", [](overrides& o) { o.log_level = "loud"; }, "error: --log-level: `loud` is not one of"},
       }) {
    fake_world world;
    if (!variable.empty()) world.variables[variable] = value;
    overrides flags;
    if (set_flag) set_flag(flags);
    const auto result = world.load_text("{}\n", flags);
    EXPECT_FALSE(result.ok()) << expected;
    EXPECT_EQ(result.problems.size(), 1u) << test::all_of(result);
    EXPECT_TRUE(test::all_of(result).starts_with(expected)) << expected << "\n" << test::all_of(result);
    EXPECT_EQ(test::all_of(result).find("hunter2"), std::string::npos);
  }
}

TEST(Overrides, TheAdminTokenComesFromTheEnvironment) {
  fake_world world;
  world.variables["TIDEOVER_ADMIN_TOKEN"] = "t0ken";
  auto result = world.load_text("");
  ASSERT_TRUE(result.ok()) << test::all_of(result);
  EXPECT_EQ(result.snapshot->admin.token->reveal_for_wire(), "t0ken");
  world.variables["TIDEOVER_ADMIN_TOKEN"] = "";
  result = world.load_text("");
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.snapshot->admin.token);
}

TEST(Overrides, ContingencyFromTheEnvironment) {
  struct row {
    std::string text;
    bool valid;
    bool legal, other;  // in contingency
  };
  for (const auto& [text, valid, legal, other] : std::initializer_list<row>{
           {"", true, false, false},
           {"0", true, false, false},
           {"off", true, false, false},
           {"false", true, false, false},
           {"no", true, false, false},
           {"OFF", true, false, false},
           {"1", true, true, true},
           {"on", true, true, true},
           {"true", true, true, true},
           {"all", true, true, true},
           {"yes", true, true, true},
           {"On", true, true, true},
           {"legal", true, true, false},
           {"legal,sales", true, true, false},
           {" legal , sales ", true, true, false},
           {"legal,all", true, true, true},
           {",", true, false, false},
           {"2", false, false, false},
           {"Legal", false, false, false},
           {"legal,nope", false, false, false},
           {"on,legal", false, false, false},
           {"off,legal", false, false, false},
       }) {
    fake_world world;
    world.variables["TIDEOVER_CONTINGENCY"] = text;
    const auto result = world.load_text("workflows: {legal: {}, sales: {}, other: {}}\n");
    ASSERT_EQ(result.ok(), valid) << text << test::all_of(result);
    if (!valid) continue;
    EXPECT_EQ(result.snapshot->in_contingency("legal"), legal) << text;
    EXPECT_EQ(result.snapshot->in_contingency("other"), other) << text;
  }
}

TEST(Overrides, AnEnvironmentThatSaysOffDoesNotLiftTheFile) {
  fake_world world;
  world.variables["TIDEOVER_CONTINGENCY"] = "off";
  const auto result = world.load_text("contingency: {workflows: [all]}\n");
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.snapshot->in_contingency("default"));
}

TEST(Overrides, OllamaHostMattersOnlyForTheBuiltInUpstream) {
  fake_world world;
  world.variables["OLLAMA_HOST"] = "0.0.0.0:5000";
  auto result = world.load_text("");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.snapshot->find_upstream("ollama")->urls.at(0).to_string(), "http://127.0.0.1:5000");
  world.variables["OLLAMA_HOST"] = "8.8.8.8";
  EXPECT_FALSE(world.load_text("").ok());
  EXPECT_TRUE(world.load_text("upstreams: {ollama: {tier: local, url: http://h}}\n").ok());
  overrides flags;
  flags.local_url = "http://127.0.0.1:1";
  EXPECT_TRUE(world.load_text("{}\n", flags).ok());
  world.variables["OLLAMA_HOST"] = "  ";
  EXPECT_TRUE(world.load_text("").ok());
}

TEST(WhichFile, IsTheFirstOfFlagVariableAndUsualPlaces) {
  fake_world world;
  const auto source = [&](const overrides& flags = {}) {
    const auto result = world.load(flags);
    return result.ok() ? result.snapshot->source : "refused: " + test::all_of(result);
  };
  EXPECT_EQ(source(), "");
  world.variables["HOME"] = "/home/u";
  world.files["/home/u/.config/tideover/tideover.yaml"] = {};
  EXPECT_EQ(source(), "/home/u/.config/tideover/tideover.yaml");
  world.variables["XDG_CONFIG_HOME"] = "/xdg";
  EXPECT_EQ(source(), "");
  world.files["/xdg/tideover/tideover.yaml"] = {};
  EXPECT_EQ(source(), "/xdg/tideover/tideover.yaml");
  world.files["/etc/tideover/tideover.yaml"] = {};
  EXPECT_EQ(source(), "/etc/tideover/tideover.yaml");
  world.variables["TIDEOVER_CONFIG"] = "/env.yaml";
  EXPECT_EQ(source(),
            "refused: error: $TIDEOVER_CONFIG: the configuration file `/env.yaml` cannot be read: check that it "
            "exists and its permissions\n");
  world.files["/env.yaml"] = {};
  EXPECT_EQ(source(), "/env.yaml");
  overrides flags;
  flags.config_file = "flag.yaml";
  EXPECT_EQ(source(flags).find("refused: error: --config:"), 0u);
  world.files["flag.yaml"] = {};
  EXPECT_EQ(source(flags), "flag.yaml");
  // A file that is there but closed to us is not the same as none.
  world.variables.erase("TIDEOVER_CONFIG");
  world.files["/etc/tideover/tideover.yaml"].readable = false;
  EXPECT_EQ(source().find("refused: "), 0u);
}

TEST(RealSurroundings, ReadFilesAndNotFolders) {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "tideover-config-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string file = folder + "/f";
  std::ofstream(file) << "log: {level: debug}\n";
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
  const auto world = surroundings::real();
  EXPECT_EQ(world.read_file(file), "log: {level: debug}\n");
  EXPECT_EQ(world.mode(file), 0604u);
  EXPECT_TRUE(world.exists(file));
  EXPECT_FALSE(world.exists(folder + "/none"));
  EXPECT_FALSE(world.mode(folder + "/none"));
  EXPECT_FALSE(world.read_file(folder));
  EXPECT_FALSE(world.read_file(folder + "/none"));
  EXPECT_FALSE(world.environment("TIDEOVER_NO_SUCH_VARIABLE"));
  EXPECT_FALSE(world.environment(""));
  overrides flags;
  flags.config_file = "/dev/zero";  // has no end
  EXPECT_FALSE(load(flags, world).ok());
  flags.config_file = file;
  EXPECT_TRUE(load(flags, world).ok());
  fs::remove_all(folder);
}

TEST(Problem, IsPrintedTheWayEditorsReadIt) {
  problem p;
  p.message = "m";
  EXPECT_EQ(p.to_string(), "error: m");
  p.path = "a.b";
  EXPECT_EQ(p.to_string(), "error: a.b: m");
  p.file = "f";
  p.level = severity::warning;
  EXPECT_EQ(p.to_string(), "f: warning: a.b: m");
  p.line = 3;
  p.column = 4;
  EXPECT_EQ(p.to_string(), "f:3:4: warning: a.b: m");
}

}  // namespace
}  // namespace tideover::config
