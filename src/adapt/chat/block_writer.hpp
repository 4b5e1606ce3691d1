// Puts an answer into blocks that come one after another, as Messages and Responses want it: a call whose pieces still
// come keeps whatever comes meanwhile waiting (CL §8.3).
// Internal to adapt/chat. Not for chat chunks, where pieces of several calls may mix.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "answer_write.hpp"

namespace tideover::adapt::chat::answer {

class block_writer : public stream_writer {
 protected:
  enum class block : std::uint8_t { none, reasoning, text, call };

  block_writer(endpoint what, const writer_options& options, block open) : stream_writer(what, options), open_(open) {}

  virtual void open_block(block kind, const tool_call& call) = 0;  // `call`: of a call its number and name
  virtual void add_piece(block kind, std::string_view piece) = 0;  // never empty
  virtual void close_block(block kind, bool cut_short) = 0;        // by the token limit
  virtual void write_start() = 0;                                  // before anything else
  virtual void write_end(end_reason why, const usage& used) = 0;

 private:
  struct waiting_block {
    block kind;
    tool_call call;
    std::string text;
  };

  void on_text(std::string_view text) final { say(block::text, text); }
  void on_reasoning(std::string_view text) final { say(block::reasoning, text); }
  void on_call(const tool_call& call) final;
  void on_finish(end_reason why, const usage& used) final;

  void say(block kind, std::string_view text);
  void change_to(block kind, const tool_call& call);
  void close(bool cut_short);

  block open_;
  bool started_ = open_ != block::none;
  std::size_t open_call_ = 0;  // while a call is open: its number
  std::vector<waiting_block> waiting_;
  std::map<std::size_t, std::size_t> waiting_calls_;  // number of a call to its place in waiting_
};

}  // namespace tideover::adapt::chat::answer
