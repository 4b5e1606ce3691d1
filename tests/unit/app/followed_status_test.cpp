// The stream of GET /api/events put together again, however its bytes arrive.
#include "followed_status.hpp"

#include <gtest/gtest.h>

namespace tideover::app {
namespace {

constexpr std::string_view stream =
    "retry: 2000\n\n"
    "id: run-4\nevent: snapshot\ndata: "
    "{\"health\":\"ok\",\"contingency\":{\"active\":false},\"counters\":{\"x\":1}}\n\n"
    ": heartbeat\n\n"
    "id: run-5\nevent: health\ndata: \"contingency\"\n\n"
    "id: run-6\nevent: contingency\ndata: {\"active\":true}\n\n";
const auto whole = document::parse(R"({"health":"contingency","contingency":{"active":true}})");

TEST(FollowedStatus, IsTheSnapshotWithWhatChangedSince) {
  for (std::size_t cut = 1; cut <= stream.size(); ++cut) {
    followed_status followed;
    for (std::size_t at = 0; at < stream.size(); at += cut) followed.take(stream.substr(at, cut));
    EXPECT_EQ(followed.status(), whole) << "in pieces of " << cut;
    EXPECT_EQ(followed.last_id(), "run-6");
  }
}

TEST(FollowedStatus, TellsNewsFromHeartbeats) {
  followed_status followed;
  EXPECT_FALSE(followed.take("retry: 2000\n\n"));
  EXPECT_TRUE(followed.status().is_null());
  EXPECT_FALSE(followed.take("event: health\ndata: \"ok\"\n\n")) << "a change of what was never told";
  EXPECT_EQ(followed.last_id(), "");
  EXPECT_TRUE(followed.take(stream));
  EXPECT_FALSE(followed.take(": heartbeat\n\n"));
  EXPECT_FALSE(followed.take("event: health\ndata: {not JSON\n\n"));
  EXPECT_EQ(followed.status(), whole);
}

TEST(FollowedStatus, GoesOnWithTheNextStreamAndForgetsAnUnfinishedEvent) {
  followed_status followed;
  followed.take(stream);
  followed.take("id: run-7\nevent: health\ndata: \"degr");
  followed.cut();
  EXPECT_EQ(followed.last_id(), "run-6");
  EXPECT_TRUE(followed.take("id: run-7\nevent: health\ndata: \"ok\"\n\n"));
  EXPECT_EQ(followed.status()["health"], "ok");
  EXPECT_TRUE(followed.take("id: other-0\nevent: snapshot\ndata: {\"health\":\"degraded\"}\n\n"));
  EXPECT_EQ(followed.status(), document::parse(R"({"health":"degraded"})"));
  EXPECT_EQ(followed.last_id(), "other-0");
}

}  // namespace
}  // namespace tideover::app
