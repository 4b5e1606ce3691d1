#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tideover/ops/access_log.hpp"

namespace tideover::ops {
namespace {

using namespace std::chrono_literals;

struct pipe_pair {
  int read_end = -1, write_end = -1;
  explicit pipe_pair(int flags = O_CLOEXEC) {
    int ends[2];
    if (::pipe2(ends, flags) == 0) read_end = ends[0], write_end = ends[1];
  }
  ~pipe_pair() {
    close_read();
    close_write();
  }
  void close_read() {
    if (read_end >= 0) ::close(std::exchange(read_end, -1));
  }
  void close_write() {
    if (write_end >= 0) ::close(std::exchange(write_end, -1));
  }
  std::string read_all() const {
    std::string text;
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(read_end, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }
};

TEST(LineWriter, WritesEveryLineOfEveryThreadWhole) {
  pipe_pair pipe;
  std::string text;
  std::thread reader([&] { text = pipe.read_all(); });
  constexpr int threads = 4, lines = 2000;
  {
    line_writer writer(pipe.write_end);
    std::vector<std::thread> callers;
    for (int t = 0; t < threads; ++t)
      callers.emplace_back([&writer, t] {
        for (int i = 0; i < lines; ++i)
          writer.write(std::to_string(t) + ":" + std::to_string(i) + ":" + std::string(100, 'x') + "\n");
      });
    for (auto& c : callers) c.join();
    EXPECT_EQ(writer.dropped(), 0u);
  }
  pipe.close_write();
  reader.join();

  std::vector<int> next(threads, 0);
  std::size_t at = 0;
  for (; at < text.size();) {
    auto const end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    auto const line = text.substr(at, end - at);
    auto const thread = line[0] - '0';
    EXPECT_EQ(line, std::to_string(thread) + ":" + std::to_string(next[static_cast<std::size_t>(thread)]++) + ":" +
                        std::string(100, 'x'));
    at = end + 1;
  }
  EXPECT_EQ(next, std::vector<int>(threads, lines));
}

TEST(LineWriter, WritesWhileItLivesNotOnlyAtItsEnd) {
  pipe_pair pipe;
  line_writer writer(pipe.write_end);
  writer.write("hello\n");
  char buffer[16];
  EXPECT_EQ(::read(pipe.read_end, buffer, sizeof buffer), 6);  // waits for it
}

void full_descriptor_never_blocks(int flags) {
  pipe_pair pipe(flags);
  auto const line = std::string(99'999, 'x') + "\n";
  auto writer = std::make_optional<line_writer>(pipe.write_end);
  for (int i = 0; i < 1000; ++i) writer->write(line);  // 100 MB into a pipe that nobody reads
  EXPECT_GT(writer->dropped(), 800u);
  auto const begin = std::chrono::steady_clock::now();
  writer.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
}

TEST(LineWriter, AFullPipeNeverBlocksACallerAndTheEndIsBounded) { full_descriptor_never_blocks(O_CLOEXEC); }

TEST(LineWriter, ANonBlockingDescriptorIsServedToo) { full_descriptor_never_blocks(O_CLOEXEC | O_NONBLOCK); }

TEST(LineWriter, ABrokenPipeCostsTheLinesAndNothingElse) {
  ::signal(SIGPIPE, SIG_IGN);  // as the process does at start
  pipe_pair pipe;
  pipe.close_read();
  line_writer writer(pipe.write_end);
  writer.write("lost\n");
  while (writer.dropped() == 0) std::this_thread::yield();
  writer.write("lost\n");
  while (writer.dropped() == 1) std::this_thread::yield();
  EXPECT_EQ(writer.dropped(), 2u);
}

TEST(LineWriter, ABadDescriptorIsABrokenOne) {
  line_writer writer(-1);
  writer.write("lost\n");
  while (writer.dropped() == 0) std::this_thread::yield();
  EXPECT_EQ(writer.dropped(), 1u);
}

TEST(LineWriter, AFileGetsEverything) {
  char name[] = "/tmp/tideover_lines_XXXXXX";
  int const fd = ::mkstemp(name);
  ASSERT_GE(fd, 0);
  ::unlink(name);
  std::string expected;
  {
    line_writer writer(fd);
    for (int i = 0; i < 1000; ++i) {
      auto const line = std::to_string(i) + std::string(200, 'y') + "\n";
      expected += line;
      writer.write(line);
    }
  }
  std::string text(expected.size() + 1, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(::pread(fd, text.data(), text.size(), 0), 0)));
  ::close(fd);
  EXPECT_EQ(text, expected);
}

}  // namespace
}  // namespace tideover::ops
