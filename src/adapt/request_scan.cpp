#include "tideover/adapt/request_scan.hpp"

#include <cstddef>
#include <vector>

#include "json_read.hpp"

namespace tideover::adapt {

namespace {

/// A reference to state at the cloud: the field's name, and the value where the name alone does not tell.
struct finding {
  std::string_view field;  // empty: nothing found
  std::string_view raw_value;

  bool any() const { return !field.empty(); }
  void keep_first(const finding& other) {
    if (!any() && other.any()) *this = other;
  }
};

/// What the parts of one message say. A message's `content` and a tool's output have the same form.
struct parts_facts {
  finding state;
  bool images = false;
};

/// Top-level fields that may refer to state at the cloud, so that the last of duplicates wins.
enum class slot : std::uint8_t {
  previous_response_id,
  conversation,
  background,
  prompt,
  web_search_options,
  audio,
  modalities,
  container,
  mcp_servers,
  tools,
  messages
};

bool starts(std::string_view raw, std::string_view prefix) {
  // A hosted tool's type is a plain identifier; one written with escapes is compared decoded.
  if (raw.find('\\') == std::string_view::npos) return raw.starts_with(prefix);
  return json_decode(raw).starts_with(prefix);
}

/// Tools that run at the provider (CL §1). Versions come as suffixes: web_search_preview, computer_use_preview.
bool is_hosted_openai(std::string_view raw_type) {
  constexpr std::string_view prefixes[] = {"web_search", "file_search",      "code_interpreter",
                                           "computer",   "image_generation", "mcp"};
  for (const auto prefix : prefixes)
    if (starts(raw_type, prefix)) return true;
  return false;
}

/// Every typed tool of the Messages API but `custom` is defined by the provider: its schema is not in the request, so
/// nobody else can offer it (CL §8.1), whether the provider or the caller runs it.
bool is_provider_defined(std::string_view raw_type) {
  return !raw_type.empty() && !json_text_is(raw_type, "custom") && !json_text_is(raw_type, "function");
}

bool is_image(std::string_view raw_type) {
  return json_text_is(raw_type, "image_url") || json_text_is(raw_type, "input_image") ||
         json_text_is(raw_type, "image") || json_text_is(raw_type, "computer_screenshot");
}

class scanner {
 public:
  scanner(endpoint what, std::string_view body, request_facts& facts) : what_(what), c_(body), facts_(facts) {}

  void run();

 private:
  void member(std::string_view key);
  void generation_member(std::string_view key);
  void responses_member(std::string_view key);
  void chat_member(std::string_view key);
  void messages_member(std::string_view key);

  void note(slot where, const finding& found);
  void present(slot where, std::string_view field) { note(where, {take_present(c_) ? field : "", {}}); }
  void tools();
  void conversation_items();
  void item(parts_facts& all);
  parts_facts parts(bool nested);
  parts_facts part(bool nested);
  bool effort();

  struct noted {
    slot where;
    finding found;
  };

  endpoint what_;
  json_cursor c_;
  request_facts& facts_;
  std::vector<noted> findings_;  // in the order of the fields; most requests have none
  bool has_functions_ = false;
  bool flat_effort_ = false;       // reasoning_effort
  bool nested_effort_ = false;     // reasoning.effort
  bool thinking_enabled_ = false;  // thinking.type
};

void scanner::run() {
  const bool is_object = each_member(c_, [this](std::string_view key) { member(key); });
  if (!is_object || !c_.finish()) {
    facts_ = {};
    return;
  }

  facts_.is_json_object = true;
  facts_.has_tools = facts_.has_tools || has_functions_;
  facts_.wants_reasoning = flat_effort_ || nested_effort_ || thinking_enabled_;
  if (!findings_.empty()) {
    const finding& first = findings_.front().found;
    facts_.not_replayable = first.field;
    facts_.not_replayable += json_decode(first.raw_value).substr(0, 100);  // goes into logs and error texts
  }
}

void scanner::note(slot where, const finding& found) {
  if (!findings_.empty()) std::erase_if(findings_, [where](const noted& n) { return n.where == where; });
  if (found.any()) findings_.push_back({where, found});
}

void scanner::member(std::string_view key) {
  if (is(key, "model")) {
    facts_.model = take_text(c_);
  } else if (is_generation(what_) || what_ == endpoint::count_tokens) {
    generation_member(key);
  } else {
    c_.skip();
  }
}

void scanner::generation_member(std::string_view key) {
  if (is(key, "stream")) {
    facts_.stream = take_true(c_);
  } else if (is(key, "tools")) {
    tools();
  } else if (is(key, "stream_options")) {
    facts_.include_usage = false;
    only_member(c_, "include_usage", [&] { facts_.include_usage = take_true(c_); });
  } else if (is(key, "reasoning_effort")) {
    flat_effort_ = effort();
  } else if (is(key, "reasoning")) {
    nested_effort_ = false;
    only_member(c_, "effort", [&] { nested_effort_ = effort(); });
  } else if (is(key, "thinking")) {
    thinking_enabled_ = false;
    only_member(c_, "type", [&] {
      const auto type = take_raw(c_);
      thinking_enabled_ = json_text_is(type, "enabled") || json_text_is(type, "adaptive");
    });
  } else if (what_ == endpoint::responses) {
    responses_member(key);
  } else if (what_ == endpoint::messages || what_ == endpoint::count_tokens) {
    messages_member(key);
  } else {
    chat_member(key);
  }
}

bool scanner::effort() {
  const auto raw = take_raw(c_);
  return !raw.empty() && !json_text_is(raw, "none");
}

void scanner::responses_member(std::string_view key) {
  if (is(key, "input")) {
    conversation_items();
  } else if (is(key, "previous_response_id")) {
    present(slot::previous_response_id, "previous_response_id");
  } else if (is(key, "conversation")) {
    present(slot::conversation, "conversation");
  } else if (is(key, "background")) {
    note(slot::background, {take_true(c_) ? "background" : "", {}});
  } else if (is(key, "prompt")) {
    present(slot::prompt, "prompt");
  } else {
    c_.skip();
  }
}

void scanner::chat_member(std::string_view key) {
  if (is(key, "messages")) {
    conversation_items();
  } else if (is(key, "functions")) {
    has_functions_ = take_filled(c_);
  } else if (is(key, "web_search_options")) {
    present(slot::web_search_options, "web_search_options");
  } else if (is(key, "audio")) {
    present(slot::audio, "audio");
  } else if (is(key, "modalities")) {
    finding found;
    each_element(c_, [&] {
      if (json_text_is(take_raw(c_), "audio")) found = {"modalities[]=audio", {}};
    });
    note(slot::modalities, found);
  } else {
    c_.skip();
  }
}

void scanner::messages_member(std::string_view key) {
  if (is(key, "messages")) {
    conversation_items();
  } else if (is(key, "container")) {
    present(slot::container, "container");
  } else if (is(key, "mcp_servers")) {
    note(slot::mcp_servers, {take_filled(c_) ? "mcp_servers" : "", {}});
  } else {
    c_.skip();
  }
}

void scanner::tools() {
  facts_.has_tools = false;
  finding hosted;
  each_element(c_, [&] {
    facts_.has_tools = true;
    std::string_view type;
    only_member(c_, "type", [&] { type = take_raw(c_); });
    const bool anthropic = what_ == endpoint::messages || what_ == endpoint::count_tokens;
    if (anthropic ? is_provider_defined(type) : is_hosted_openai(type)) hosted.keep_first({"tools[].type=", type});
  });
  note(slot::tools, hosted);
}

void scanner::conversation_items() {
  parts_facts all;
  each_element(c_, [&] { item(all); });
  facts_.has_images = all.images;
  note(slot::messages, all.state);
}

/// A message, or an item of a Responses input.
void scanner::item(parts_facts& all) {
  std::string_view type;
  bool has_role = false;
  bool has_id = false;
  bool has_audio = false;
  parts_facts content;
  parts_facts output;
  each_member(c_, [&](std::string_view key) {
    if (is(key, "content")) {
      content = parts(false);
    } else if (is(key, "role")) {
      has_role = take_present(c_);
    } else if (is(key, "type")) {
      type = take_raw(c_);
    } else if (is(key, "id")) {
      has_id = take_present(c_);
    } else if (is(key, "output") && what_ == endpoint::responses) {
      output = parts(false);
    } else if (is(key, "audio") && what_ == endpoint::chat_completions) {
      has_audio = take_present(c_);
    } else {
      c_.skip();
    }
  });

  all.images = all.images || content.images || output.images;
  if (all.state.any()) return;
  if (what_ == endpoint::responses) {
    // The type of a reference may be left out: an id alone is one as well.
    if (json_text_is(type, "item_reference") || (type.empty() && !has_role && has_id))
      all.state = {"input[].type=item_reference", {}};
    // A compacted history can only be read where it was made.
    else if (starts(type, "compaction"))
      all.state = {"input[].type=", type};
  } else if (has_audio) {
    all.state = {"messages[].audio", {}};  // the id of an earlier spoken answer
  }
  all.state.keep_first(content.state);
  all.state.keep_first(output.state);
}

/// The parts of a `content` or `output`: a list, a single part, or plain text, which says nothing here.
/// `nested`: inside a tool result, whose parts have no further lists.
parts_facts scanner::parts(bool nested) {
  if (c_.peek() == json_kind::object) return part(nested);
  parts_facts all;
  each_element(c_, [&] {
    const auto one = part(nested);
    all.state.keep_first(one.state);
    all.images = all.images || one.images;
  });
  return all;
}

parts_facts scanner::part(bool nested) {
  std::string_view type;
  bool file_id = false;         // of the part itself
  bool inner_file_id = false;   // of its `file` (chat)
  bool source_is_file = false;  // of its `source` (messages)
  parts_facts inner;
  each_member(c_, [&](std::string_view key) {
    if (is(key, "type")) {
      type = take_raw(c_);
    } else if (is(key, "file_id")) {
      file_id = take_present(c_);
    } else if (is(key, "file")) {
      inner_file_id = false;
      only_member(c_, "file_id", [&] { inner_file_id = take_present(c_); });
    } else if (is(key, "source")) {
      source_is_file = false;
      only_member(c_, "type", [&] { source_is_file = json_text_is(take_raw(c_), "file"); });
    } else if (is(key, "content") && !nested) {
      inner = parts(true);
    } else {
      c_.skip();
    }
  });

  parts_facts facts{{}, inner.images || is_image(type)};
  if (what_ == endpoint::responses) {
    if (file_id) facts.state = {"input[].content[].file_id", {}};
  } else if (what_ == endpoint::messages || what_ == endpoint::count_tokens) {
    if (source_is_file) facts.state = {"messages[].content[].source.type=file", {}};
    if (json_text_is(type, "container_upload")) facts.state = {"messages[].content[].type=container_upload", {}};
  } else if (file_id || inner_file_id) {
    facts.state = {"messages[].content[].file.file_id", {}};
  }
  facts.state.keep_first(inner.state);
  return facts;
}

}  // namespace

request_facts scan_request(endpoint what, std::string_view body) {
  request_facts facts;
  scanner(what, body, facts).run();
  return facts;
}

}  // namespace tideover::adapt
