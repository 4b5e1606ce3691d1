// The journal on a disk that works, that is full, that is gone, and after a process that was killed while writing.
#include "tideover/ops/journal.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/temporary_folder.hpp"

namespace tideover::ops {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

struct Journal : testing::Test {
  test::temporary_folder folder;
  std::string path(const std::string& name = "events.jsonl") const { return folder.path() + "/" + name; }
  journal_settings settings() const { return {.directory = folder.path()}; }
  static journal_entry entry(std::string why) { return {.event = "contingency", .who = "root", .why = std::move(why)}; }
};

TEST_F(Journal, WritesOneJsonObjectALineWithTimeEventWhoAndWhy) {
  {
    journal j(settings());
    auto e = entry("a \"quote\"\nand a line end");
    e.more["action"] = "on";
    e.decision = true;
    j.write(e);
  }
  auto const lines = lines_of(path());
  ASSERT_EQ(lines.size(), 1U);
  auto const read = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(read["event"], "contingency");
  EXPECT_EQ(read["who"], "root");
  EXPECT_EQ(read["why"], "a \"quote\"\nand a line end");
  EXPECT_EQ(read["action"], "on");
  EXPECT_EQ(read["ts"].get<std::string>().size(), 24U);
}

TEST_F(Journal, GoesOnWhereAnEarlierProcessStopped) {
  { journal(settings()).write(entry("first")); }
  { journal(settings()).write(entry("second")); }
  EXPECT_EQ(lines_of(path()).size(), 2U);
}

TEST_F(Journal, EndsALineThatAKilledProcessLeftTorn) {
  std::ofstream(path()) << R"({"ts":"2026-01-01T00:00:00.000Z","event":"con)";
  { journal(settings()).write(entry("after the kill")); }
  auto const lines = lines_of(path());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["why"], "after the kill");
}

TEST_F(Journal, IsRotatedBySizeAndKeepsSoManyOldFiles) {
  auto s = settings();
  s.rotate_bytes = 200;  // two lines
  s.keep = 2;
  {
    journal j(s);
    for (int i = 0; i < 20; ++i) j.write(entry("line " + std::to_string(i)));
  }
  std::size_t files = 0;
  for (const auto& f : fs::directory_iterator(folder.path())) {
    ++files;
    EXPECT_LE(fs::file_size(f), 200U);
  }
  EXPECT_EQ(files, 3U);
  EXPECT_NE(lines_of(path()).back().find("line 19"), std::string::npos);
  EXPECT_NE(lines_of(path("events.jsonl.1")).back().find("line 17"), std::string::npos);
}

TEST_F(Journal, BeginsANewFileWhenSomebodyMovedItAway) {
  journal j(settings());
  j.write(entry("one"));
  j.settle();
  fs::rename(path(), path("moved"));
  j.write(entry("two"));
  j.settle();
  EXPECT_EQ(lines_of(path("moved")).size(), 1U);
  EXPECT_EQ(lines_of(path()).size(), 1U);
}

/// Files may not grow beyond so many bytes while this lives: what a full disk does to write().
struct full_disk {
  explicit full_disk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit now = before;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~full_disk() { ::setrlimit(RLIMIT_FSIZE, &before); }
  rlimit before{};
};

TEST_F(Journal, OnAFullDiskKeepsLinesInMemoryAndCatchesUp) {
  journal j(settings());
  j.write(entry("before"));
  j.settle();
  {
    full_disk const full(fs::file_size(path()) + 10);  // the next line gets in by its first bytes only
    j.write(entry("during"));
    j.settle();
    EXPECT_FALSE(j.state().writable);
    EXPECT_NE(j.state().problem, "");
    EXPECT_GT(j.state().waiting_bytes, 0U);
    EXPECT_EQ(lines_of(path()).size(), 1U) << "no half line stays";
  }
  while (!j.state().writable) j.settle();
  auto const lines = lines_of(path());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["why"], "during");
  EXPECT_EQ(j.state().lost, 0U);
}

TEST_F(Journal, SaysWhereLinesAreMissingWhenTheDiskWasFullForTooLong) {
  auto s = settings();
  s.most_waiting_bytes = 250;
  journal j(s);
  j.write(entry("before"));
  j.settle();
  {
    full_disk const full(fs::file_size(path()));
    for (int i = 0; i < 10; ++i) j.write(entry("during"));
    j.settle();
    EXPECT_GT(j.state().lost, 0U);
    EXPECT_LE(j.state().waiting_bytes, 250U);
  }
  while (!j.state().writable) j.settle();
  auto const lines = lines_of(path());
  auto const gap = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(gap["event"], "journal_gap");
  EXPECT_EQ(gap["lines_lost"].get<std::uint64_t>(), j.state().lost);
}

TEST_F(Journal, WithoutADirectoryHoldsNobodyUp) {
  for (const auto& nowhere : {std::string(), path("does/not/exist")}) {
    journal j({.directory = nowhere});
    j.write(entry("lost"));
    j.settle();
    EXPECT_FALSE(j.state().writable);
  }
}

TEST_F(Journal, FollowsNoSymbolicLinkThatSomebodyPutInItsPlace) {
  fs::create_symlink(path("victim"), path());
  journal j(settings());
  j.write(entry("x"));
  j.settle();
  EXPECT_FALSE(j.state().writable);
  EXPECT_FALSE(fs::exists(path("victim")));
}

}  // namespace
}  // namespace tideover::ops
