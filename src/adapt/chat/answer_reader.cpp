#include "tideover/adapt/chat/answer_reader.hpp"

#include <utility>

#include "answer_read.hpp"

namespace tideover::adapt::chat::answer {

void stream_reader::feed(std::string_view bytes, std::vector<event>& into) {
  if (over() || ended_) return;
  into_ = &into;
  read(bytes);
  into_ = nullptr;
}

void stream_reader::end_of_input(std::vector<event>& into) {
  if (over() || ended_) return;
  ended_ = true;
  into_ = &into;
  read_rest();
  into_ = nullptr;
}

void stream_reader::give(event e) {
  if (!over()) into_->push_back(std::move(e));
}

void stream_reader::begin_once(std::string_view model) {
  if (begun_) return;
  begun_ = true;
  give(begin{std::string(model)});
}

void stream_reader::finish_with(end_reason why) {
  give(finish{why});
  finished_ = true;
}

void stream_reader::fail_malformed(std::string_view what) { fail_with("malformed", what); }

void stream_reader::fail_with(std::string_view type, std::string_view message) {
  give(error{std::string(type), std::string(message)});
  failed_ = true;
}

void stream_reader::fail_elsewhere() {
  made_elsewhere_ = true;
  fail_with(made_elsewhere_type, "the model does not run on this server");
}

std::unique_ptr<stream_reader> make_stream_reader(dialect from) {
  if (from == dialect::ollama) return make_native_reader();
  return make_openai_reader();
}

std::vector<event> read_whole(dialect from, std::string_view body) {
  std::vector<event> events;
  const auto reader = from == dialect::ollama ? make_native_whole_reader() : make_openai_whole_reader();
  reader->feed(body, events);
  reader->end_of_input(events);
  if (reader->truncated()) events.emplace_back(error{"malformed", "the answer has no end"});
  return events;
}

}  // namespace tideover::adapt::chat::answer
