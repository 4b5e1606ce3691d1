// One scan for every secret: each has a mark of its own, the daemon goes through successes, failovers, errors and
// administration, and then every byte that it wrote anywhere is searched for every mark. A mark may be found only where
// it belongs, and must be found there: a scan that never finds anything would prove nothing.
#include "integration/canary_life.hpp"

namespace tideover::test {
namespace {

TEST(CanaryScan, OfConfiguredKeys) {
  world w;
  give_words(w);
  temporary_folder const keys;
  constexpr auto in_environment = "sk-env-canary-aa01bb02cc03", in_file = "sk-file-canary-dd04ee05ff06",
                 of_local = "sk-local-canary-1a2b3c4d5e", of_caller = "sk-caller-canary-0f1e2d3c4b";
  keys.write("anthropic.key", std::string(in_file) + "\n");
  keys.write("ollama.key", std::string(of_local) + "\n");
  auto options = marked_options();
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.anthropic_more = ", credential: {file: \"" + keys.file("anthropic.key") + "\"}";
  options.local_more = ", credential: {file: \"" + keys.file("ollama.key") + "\"}";
  options.environment["OPENAI_KEY"] = in_environment;
  w.start(options);
  scan s(w, options.environment);
  field_list const keys_of_caller{{"Authorization", std::string("Bearer ") + of_caller}, {"x-api-key", of_caller}};
  live(s, w, keys_of_caller);
  administrate(s, keys_of_caller);
  auto marks = marks_of_everybody();
  marks.push_back({"the key from the environment", in_environment, {"openai"}});
  marks.push_back({"the key from a file", in_file, {"anthropic"}});
  marks.push_back({"the local server's key", of_local, {"ollama"}});
  marks.push_back({"a caller's key", of_caller, {}});
  expect_each_where_it_belongs(marks, s.all());
}

TEST(CanaryScan, OfCallersKeys) {
  world w;
  give_words(w);
  constexpr auto openai_key = "sk-caller-0penai-77aa88bb99", anthropic_key = "sk-ant-caller-66cc55dd44";
  auto const options = marked_options();
  w.start(options);
  scan s(w, options.environment);
  field_list const keys_of_caller{{"Authorization", std::string("Bearer ") + openai_key}, {"x-api-key", anthropic_key}};
  live(s, w, keys_of_caller);
  administrate(s, keys_of_caller);
  auto marks = marks_of_everybody();
  // Its own goes to the cloud that it called, and comes back where that cloud quotes it.
  marks.push_back({"a caller's bearer key", openai_key, {"openai", "anthropic"}, {"answers"}});
  marks.push_back({"a caller's x-api-key", anthropic_key, {"anthropic"}, {"answers"}});
  expect_each_where_it_belongs(marks, s.all());
}

TEST(CanaryScan, OfTheHousesOwnKeys) {
  world w;
  give_words(w);
  constexpr auto house_key = "tide-canary-crm", wrong_key = "wr0ng-house-key-123abc";
  auto options = marked_options();
  options.openai_more = ", credential: {env: OPENAI_KEY}";
  options.environment["OPENAI_KEY"] = "sk-env-canary-aa01bb02cc03";
  options.more =
      "clients:\n  required: true\n  keys: [{name: crm, sha256: "
      "\"11495e1880a47e3257e30d187a4fa2b76142d586e7fdb6192223fa131394b0b7\"}]\n";
  w.start(options);
  scan s(w, options.environment);
  for (int i = 0; i < 8; ++i)
    s.ask("POST", "/v1/chat/completions", chat_body, {{"Authorization", std::string("Bearer ") + wrong_key}});
  field_list const keys_of_caller{{"Authorization", std::string("Bearer ") + house_key}};
  live(s, w, keys_of_caller);
  administrate(s, keys_of_caller);
  auto marks = marks_of_everybody();
  marks.push_back({"the house's key", house_key, {}});
  marks.push_back({"a wrong key", wrong_key, {}});
  marks.push_back({"the configured key", "sk-env-canary-aa01bb02cc03", {"openai"}});
  expect_each_where_it_belongs(marks, s.all());
}

TEST(CanaryScan, OfConfigurationsThatAreRefused) {
  constexpr auto secret = "sk-misplaced-5e6f7a8b9c";
  temporary_folder const folder;
  folder.write("key", secret);
  for (auto const& yaml : std::vector<std::string>{
           "admin: {token: SECRET}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: SECRET}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: \"https://user:SECRET@h\"}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: \"SECRET\"}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: {env: \"${KEY}\"}}}\n",
           "upstreams: {o: {tier: cloud, dialect: openai, url: https://h, credential: {file: \"${KEY}\"}}}\n",
           "upstreams: {o: {tier: \"${KEY}\", dialect: openai, url: https://h}}\n",
           "clients: {required: true, keys: [{name: a, sha256: SECRET}]}\n",
           "cors: {origins: [\"https://user:SECRET@h\"]}\n",
           "cors: {origins: [\"${KEY}\"]}\n",
           "hosts: [\"${KEY}/\"]\n",
           "limits: {drain: \"${KEY}\"}\n",
           "listen: [{address: \"${KEY}\"}]\n",
           "workflows: {default: {policy: \"${KEY}\"}}\n",
           "contingency: {workflows: [\"${KEY}\"]}\n",
       }) {
    auto text = yaml;
    while (text.find("SECRET") != std::string::npos) text.replace(text.find("SECRET"), 6, secret);
    daemon_process daemon({.yaml = text, .environment = {{"KEY", secret}}, .arguments = {}});
    EXPECT_FALSE(daemon.serves()) << yaml;
    EXPECT_EQ(daemon.wait_for_exit(), 78) << yaml;
    EXPECT_FALSE(holds(daemon.all_output(), secret)) << daemon.all_output();
    EXPECT_FALSE(daemon.standard_error().empty());
  }
}

}  // namespace
}  // namespace tideover::test
