#include "tideover/net/http_head.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>
#include <limits>

namespace tideover::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// Beast's parser with its containers left out: it checks every byte, we keep views.
template <bool IsRequest>
class head_parser final : public http::basic_parser<IsRequest> {
 public:
  using head_type = std::conditional_t<IsRequest, request_head, response_head>;

  head_parser(std::string_view bytes, head_type& out) : bytes_(bytes), out_(out) {
    // The caller bounded the head, and the body is none of this parser's business.
    this->header_limit(std::numeric_limits<std::uint32_t>::max());
    this->body_limit(boost::none);
    this->skip(true);
  }

  bool too_many_fields() const { return too_many_fields_; }

 private:
  static constexpr std::size_t most_fields = IsRequest ? max_request_fields : max_response_fields;

  bool inside(boost::beast::string_view text) const {
    return text.data() >= bytes_.data() && text.data() + text.size() <= bytes_.data() + bytes_.size();
  }

  static std::string_view between(boost::beast::string_view name, boost::beast::string_view value) {
    return {name.data() + name.size(), static_cast<std::size_t>(value.data() - name.data()) - name.size()};
  }

  void on_request_impl(http::verb, boost::beast::string_view method, boost::beast::string_view target, int version,
                       error_code&) override {
    if constexpr (IsRequest) {
      out_.method = view_of(method);
      out_.target = view_of(target);
      out_.version = static_cast<unsigned>(version);
    }
  }
  void on_response_impl(int code, boost::beast::string_view reason, int version, error_code&) override {
    if constexpr (!IsRequest) {
      out_.status = static_cast<unsigned>(code);
      out_.reason_phrase = inside(reason) ? view_of(reason) : std::string_view{};
      out_.version = static_cast<unsigned>(version);
    }
  }
  void on_field_impl(http::field id, boost::beast::string_view name, boost::beast::string_view value,
                     error_code& ec) override {
    if (out_.fields.list.size() == most_fields) {
      too_many_fields_ = true;
      ec = http::error::header_limit;
      return;
    }
    // Beast joins folded lines in a buffer of its own that dies with the call, so such a value must not be kept; where
    // nothing but the fold precedes the value, it skips over the line end.
    if (!inside(value) || between(name, value).find('\n') != std::string_view::npos) out_.has_line_folding = true;
    out_.fields.list.push_back({id, view_of(name), inside(value) ? view_of(value) : std::string_view{}});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}

  std::string_view bytes_;
  head_type& out_;
  bool too_many_fields_ = false;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Does the text begin with an HTTP version that is well-formed and neither 1.0 nor 1.1?
bool foreign_version(std::string_view text) {
  return text.size() >= 8 && text.substr(0, 5) == "HTTP/" && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]) &&
         !(text[5] == '1' && (text[7] == '0' || text[7] == '1'));
}

/// Only when the rest of the request line is as it should be does a foreign version earn its 505.
bool request_line_has_foreign_version(std::string_view bytes) {
  auto const line = bytes.substr(0, bytes.find("\r\n"));
  auto const space = line.rfind(' ');
  if (space == std::string_view::npos) return false;
  auto const version = line.substr(space + 1);
  return version.size() == 8 && foreign_version(version);
}

/// `HTTP/1.1 200` without the space that RFC 9112 §4 asks for: seen from small servers, harmless, unknown to Beast.
bool status_line_ends_after_code(std::string_view bytes) {
  return bytes.size() >= 14 && bytes[12] == '\r' && bytes[13] == '\n' && bytes[8] == ' ' && is_digit(bytes[11]);
}

}  // namespace

std::size_t find_head_end(std::string_view buffer, std::size_t already_scanned) {
  std::size_t at = already_scanned > 2 ? already_scanned - 2 : 0;
  while (at < buffer.size()) {
    const void* const hit = std::memchr(buffer.data() + at, '\n', buffer.size() - at);
    if (!hit) return 0;
    at = static_cast<std::size_t>(static_cast<const char*>(hit) - buffer.data()) + 1;
    if (at < buffer.size() && buffer[at] == '\n') return at + 1;
    if (at + 1 < buffer.size() && buffer[at] == '\r' && buffer[at + 1] == '\n') return at + 2;
  }
  return 0;
}

head_status status_of_oversize(std::string_view buffer) {
  if (buffer.substr(0, 2) == "\r\n") buffer.remove_prefix(2);
  auto const line_end = buffer.find('\n');
  auto const line = buffer.substr(0, line_end);
  return line_end == std::string_view::npos || line.size() > max_target_bytes + 64 ? head_status::target_too_long
                                                                                   : head_status::fields_too_large;
}

head_status parse_request_head(std::string_view bytes, request_head& out) {
  out.fields.list.clear();
  out.size_bytes = bytes.size();
  if (bytes.substr(0, 2) == "\r\n") bytes.remove_prefix(2);
  out.has_line_folding = false;

  head_parser<true> parser(bytes, out);
  error_code ec;
  auto const used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  if (parser.too_many_fields()) return head_status::fields_too_large;
  if (ec == http::error::bad_version && request_line_has_foreign_version(bytes))
    return head_status::version_not_supported;
  if (ec || !parser.is_header_done() || used != bytes.size()) return head_status::bad_request;
  if (out.target.size() > max_target_bytes) return head_status::target_too_long;
  return head_status::ok;
}

head_status parse_response_head(std::string_view bytes, response_head& out) {
  out.fields.list.clear();
  out.size_bytes = bytes.size();
  out.has_line_folding = false;

  head_parser<false> parser(bytes, out);
  error_code ec;
  std::string_view rest = bytes;
  if (status_line_ends_after_code(bytes)) {
    // Beast gets the line it would like to see; after it the parser waits for fields and takes them from the original.
    std::array<char, 15> line;
    std::copy_n(bytes.data(), 12, line.data());
    std::copy_n(" \r\n", 3, line.data() + 12);
    parser.put(boost::asio::const_buffer(line.data(), line.size()), ec);
    if (ec != http::error::need_more) return head_status::bad_request;
    rest.remove_prefix(14);
    ec = {};
  }
  auto const used = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
  if (parser.too_many_fields()) return head_status::fields_too_large;
  if (ec == http::error::bad_version && foreign_version(bytes)) return head_status::version_not_supported;
  if (ec || !parser.is_header_done() || used != rest.size()) return head_status::bad_request;
  return head_status::ok;
}

}  // namespace tideover::net
