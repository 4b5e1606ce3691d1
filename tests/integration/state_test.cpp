// One state directory, two daemons: what was decided and acknowledged is not lost between them.
#include "integration/world.hpp"

namespace tideover::test {
namespace {

const field_list as_admin{{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}};
const std::string lawyers_stay = R"({"workflows":["legal"],"reason":"outage"})";

struct shared_state {
  world w;
  temporary_folder state;
  daemon_options how;

  shared_state() {
    world_options options;
    options.admin_more = ", token: {env: TOKEN}";
    options.workflows = "workflows: {default: {policy: cloud_first}, legal: {policy: cloud_first}}";
    options.environment = {{"TOKEN", "opensesame"}, {"STATE_DIRECTORY", state.path()}};
    how.yaml = w.yaml(options);
    how.environment = options.environment;
  }
};

http_answer decide(const daemon_process& d, std::string_view method, const std::string& body) {
  raw_client client(d.admin_port());
  client.request(method, "/api/contingency", body, as_admin);
  return client.read_answer();
}

bool is_kept(const daemon_process& d, std::string_view workflow) {
  auto const told = json_of(get(d.admin_port(), "/api/contingency"));
  for (const auto& source : told["sources"])
    if (source["workflow"] == workflow && source["source"] == "operator") return true;
  return false;
}

TEST(OneStateDirectory, IsNoPlaceForASecondDaemon) {
  shared_state s;
  daemon_process first(s.how);
  ASSERT_TRUE(first.serves()) << first.all_output();
  daemon_process second(s.how);
  EXPECT_FALSE(second.serves());
  EXPECT_EQ(second.wait_for_exit(), 1);
  EXPECT_NE(second.standard_error().find("pid " + std::to_string(first.pid())), std::string::npos)
      << second.standard_error();
  EXPECT_NE(second.standard_error().find("STATE_DIRECTORY"), std::string::npos) << second.standard_error();
  EXPECT_EQ(decide(first, "PUT", lawyers_stay).status, 200);
  first.signal(SIGKILL);
  ASSERT_TRUE(first.wait_for_exit());
  daemon_process next(s.how);
  ASSERT_TRUE(next.serves()) << "a kill leaves no lock: " << next.all_output();
  EXPECT_TRUE(is_kept(next, "legal"));
}

/// As with socket activation: the next one begins while the last one still finishes what it holds.
TEST(TheNextDaemon, DecidesWhileTheLastOneDrains) {
  shared_state s;
  gate door;
  s.w.openai.on("/v1/chat/completions", stream_gated(openai::chat_events({}), 3, door));
  daemon_process last(s.how);
  ASSERT_TRUE(last.serves()) << last.all_output();
  EXPECT_EQ(decide(last, "PUT", R"({"workflows":["default"],"reason":"before"})").status, 200);
  EXPECT_EQ(decide(last, "DELETE", "").status, 200);
  raw_client streaming(last.port());
  streaming.request("POST", "/v1/chat/completions", chat_stream_body);
  streaming.read_head();
  ASSERT_TRUE(streaming.next_event());
  last.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return get(last.admin_port(), "/readyz").status == 503; }));
  // Nobody has come yet: what is decided here is kept.
  EXPECT_EQ(decide(last, "PUT", R"({"workflows":["default"],"reason":"late"})").status, 200);

  daemon_process next(s.how);
  ASSERT_TRUE(next.serves()) << next.all_output();
  EXPECT_TRUE(is_kept(next, "default"));
  EXPECT_EQ(decide(next, "PUT", lawyers_stay).status, 200);
  auto const refused = decide(last, "DELETE", "");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_NE(refused.body.find("pid " + std::to_string(next.pid())), std::string::npos) << refused.body;

  door.open();
  EXPECT_EQ(last.wait_for_exit(), 0);
  next.signal(SIGKILL);
  ASSERT_TRUE(next.wait_for_exit());
  daemon_process after(s.how);
  ASSERT_TRUE(after.serves()) << after.all_output();
  EXPECT_TRUE(is_kept(after, "default"));
  EXPECT_TRUE(is_kept(after, "legal"));
}

}  // namespace
}  // namespace tideover::test
