#include "tideover/adapt/embeddings.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "chat/reader.hpp"
#include "chat/renderer.hpp"
#include "json_read.hpp"
#include "tideover/adapt/request_scan.hpp"

namespace tideover::adapt {
namespace {

using chat::json;

/// What the caller asked for, as far as the answer depends on it.
struct wish {
  std::size_t inputs = 0;
  std::optional<std::int64_t> dimensions{};
  bool base64 = false;  // both SDKs of OpenAI ask for it unless told otherwise
};

bool is_text(const json& value) { return value.is_string(); }

std::size_t count_inputs(const json& input) { return input.is_array() ? input.size() : 1; }

/// Reads the members that cross; null where one is at fault.
std::optional<wish> read_wish(chat::reader& to) {
  to.handled({"input", "encoding_format"});
  auto const& input = to.get("input");
  bool const texts =
      input.is_string() || (input.is_array() && !input.empty() && std::all_of(input.begin(), input.end(), is_text));
  if (!texts) {
    to.refuse("unsupported_parameter", "input",
              "The local server embeds text only, not the token numbers of another model; send the text.");
    return std::nullopt;
  }
  wish out{.inputs = count_inputs(input)};
  if (!to.integer("dimensions", out.dimensions)) return std::nullopt;
  if (out.dimensions && *out.dimensions < 1) {
    to.refuse("invalid_request", "dimensions", "dimensions must be at least 1.");
    return std::nullopt;
  }
  auto const& format = to.get("encoding_format");
  auto const word = text_of(format);
  out.base64 = word == "base64";
  if (!format.is_null() && word != "base64" && word != "float") {
    to.refuse("invalid_request", "encoding_format", "encoding_format is float or base64.");
    return std::nullopt;
  }
  return out;
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  auto const byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[at])); };
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    auto const left = bytes.size() - at;
    unsigned const three = byte(at) << 16 | (left > 1 ? byte(at + 1) << 8 : 0u) | (left > 2 ? byte(at + 2) : 0u);
    out += letters[three >> 18];
    out += letters[three >> 12 & 63];
    out += left > 1 ? letters[three >> 6 & 63] : '=';
    out += left > 2 ? letters[three & 63] : '=';
  }
}

/// Vectors are many numbers, so no document is made of them: a number's text is copied, or read to four bytes.
class vector_writer {
 public:
  vector_writer(const wish& wanted, std::string& out) : wanted_(wanted), out_(out) {}

  /// Reads the list of vectors. False when it is not what it should be.
  bool write(json_cursor& at) {
    if (at.peek() != json_kind::array || !at.enter_array()) return false;
    std::size_t index = 0;
    while (at.next_element()) {
      if (index != 0) out_ += ',';
      out_ += R"({"object":"embedding","index":)" + std::to_string(index) + R"(,"embedding":)";
      if (!write_one(at)) return false;
      out_ += '}';
      ++index;
    }
    return at.ok() && index == wanted_.inputs;
  }

 private:
  bool write_one(json_cursor& at) {
    if (at.peek() != json_kind::array || !at.enter_array()) return false;
    std::int64_t size = 0;
    bytes_.clear();
    out_ += wanted_.base64 ? '"' : '[';
    while (at.next_element()) {
      std::string_view number;
      if (at.peek() != json_kind::number || !at.read_number(number) || !write_number(number, size == 0)) return false;
      ++size;
    }
    if (wanted_.base64) append_base64(out_, bytes_);
    out_ += wanted_.base64 ? '"' : ']';
    return at.ok() && size > 0 && (!wanted_.dimensions || *wanted_.dimensions == size);
  }

  bool write_number(std::string_view number, bool first) {
    if (!wanted_.base64) {
      if (!first) out_ += ',';
      out_ += number;
      return true;
    }
    float value = 0;
    auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    // Too small for a float is zero; too large is no number of a vector.
    bool const tiny = error == std::errc::result_out_of_range && number.find("e-") != std::string_view::npos;
    if (error != std::errc() && !tiny) return false;
    auto const bits = std::bit_cast<std::uint32_t>(tiny ? 0.0F : value);
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes_ += static_cast<char>(bits >> shift & 0xff);  // little end first
    return true;
  }

  const wish& wanted_;
  std::string& out_;
  std::string bytes_;
};

}  // namespace

std::variant<chat::rendered, chat::refusal> render_embeddings(dialect local, std::string_view original,
                                                              std::string_view model,
                                                              const std::optional<std::string>& keep_alive) {
  using chat::refusal;
  // As for every request: the scan bounds the depth before a document is made.
  if (!scan_request(endpoint::embeddings, original).is_json_object)
    return refusal{"invalid_request", "", "The request's body is not a JSON object that can be read."};
  auto const document = parse_document(original);
  if (!document.is_object()) return refusal{"invalid_request", "", "The request's body is not valid UTF-8 JSON."};
  chat::reader to(document);
  auto const wanted = read_wish(to);
  auto read = to.finish();
  if (auto* const no = std::get_if<refusal>(&read)) return std::move(*no);

  bool const native = local == dialect::ollama;
  json out = {{"model", model}, {"input", to.get("input")}};
  if (wanted->dimensions) out["dimensions"] = *wanted->dimensions;
  if (native) {
    out["truncate"] = false;
    if (keep_alive) out["keep_alive"] = chat::keep_alive_value(*keep_alive);
  } else if (wanted->base64) {
    out["encoding_format"] = "base64";
  }
  chat::rendered made;
  made.path = native ? "/api/embed" : "/v1/embeddings";
  made.body = write_document(out);
  made.notes = std::move(std::get<chat::parsed>(read).notes);
  return made;
}

std::optional<std::string> write_embeddings(std::string_view original, std::string_view native,
                                            std::string_view model) {
  auto const document = parse_document(original);
  chat::reader asked(document);
  auto const wanted = read_wish(asked);
  if (!wanted) return std::nullopt;

  std::string out = R"({"object":"list","data":[)";
  std::uint64_t tokens = 0;
  bool has_vectors = false;
  json_cursor at(native);
  if (at.peek() != json_kind::object || !at.enter_object()) return std::nullopt;
  for (std::string_view key; at.next_member(key);) {
    std::string_view raw;
    if (json_text_is(key, "embeddings") && !has_vectors) {
      has_vectors = true;
      if (!vector_writer(*wanted, out).write(at)) return std::nullopt;
    } else if (json_text_is(key, "prompt_eval_count") && at.peek() == json_kind::number && at.read_number(raw)) {
      std::from_chars(raw.data(), raw.data() + raw.size(), tokens);
    } else {
      at.skip();
    }
  }
  if (!at.finish() || !has_vectors) return std::nullopt;
  auto const count = std::to_string(tokens);
  out += R"(],"model":)" + write_document(json(model)) + R"(,"usage":{"prompt_tokens":)" + count +
         R"(,"total_tokens":)" + count + "}}";
  return out;
}

}  // namespace tideover::adapt
