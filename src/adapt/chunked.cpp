#include "tideover/adapt/chunked.hpp"

#include <algorithm>
#include <array>

namespace tideover::adapt {
namespace {

constexpr unsigned max_digits = 16;
constexpr unsigned max_extension_bytes = 256;
constexpr std::uint32_t max_extension_bytes_per_message = 16 * 1024;
constexpr std::uint32_t max_trailer_bytes = 8 * 1024;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Any byte that may stand in a field value or a chunk extension: no controls but the tab.
bool is_text(char c) {
  auto const u = static_cast<unsigned char>(c);
  return (u >= 0x20 && u != 0x7f) || c == '\t';
}

bool is_token(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

bool chunk_decoder::take_extension_byte(char c) {
  return is_text(c) && ++extension_ <= max_extension_bytes && ++extensions_total_ <= max_extension_bytes_per_message;
}

bool chunk_decoder::take_trailer_byte(char c) { return is_text(c) && ++trailers_ <= max_trailer_bytes; }

bool chunk_decoder::take_framing(char c) {
  switch (state_) {
    case state::size:
      if (int const digit = hex_value(c); digit >= 0) {
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        return ++digits_ <= max_digits;
      }
      if (digits_ == 0) return false;
      [[fallthrough]];
    case state::size_space:
      // RFC 9112 §7.1.1 allows white space only before an extension, but some servers pad the size with it.
      if (c == '\r') {
        state_ = state::size_lf;
        return true;
      }
      state_ = c == ';' ? state::extension : state::size_space;
      return (c == ';' || c == ' ' || c == '\t') && take_extension_byte(c);
    case state::extension:
      if (c == '\r') {
        state_ = state::size_lf;
        return true;
      }
      return take_extension_byte(c);
    case state::size_lf: state_ = left_ == 0 ? state::trailer_start : state::data; return c == '\n';
    case state::data_cr: state_ = state::data_lf; return c == '\r';
    case state::data_lf:
      state_ = state::size;
      digits_ = 0;
      extension_ = 0;
      return c == '\n';
    case state::trailer_start:
      if (c == '\r') {
        state_ = state::last_lf;
        return true;
      }
      state_ = state::trailer_name;
      return is_token(c) && take_trailer_byte(c);
    case state::trailer_name:
      if (c == ':') {
        state_ = state::trailer_value;
        return take_trailer_byte(c);
      }
      return is_token(c) && take_trailer_byte(c);
    case state::trailer_value:
      if (c == '\r') {
        state_ = state::trailer_lf;
        return true;
      }
      return take_trailer_byte(c);
    case state::trailer_lf: state_ = state::trailer_start; return c == '\n';
    case state::last_lf: state_ = state::done; return c == '\n';
    case state::data:
    case state::done:
    case state::broken: break;
  }
  return false;
}

chunk_decoder::step chunk_decoder::feed(std::string_view input) {
  if (state_ == state::done) return {status::done, 0, {}};
  if (state_ == state::broken) return {status::broken, 0, {}};
  std::size_t used = 0;
  while (used < input.size()) {
    if (state_ == state::data) {
      auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - used));
      auto const payload = input.substr(used, size);
      left_ -= size;
      if (left_ == 0) state_ = state::data_cr;
      return {status::piece, used + size, payload};
    }
    if (!take_framing(input[used])) {
      state_ = state::broken;
      return {status::broken, used, {}};
    }
    ++used;
    if (state_ == state::done) return {status::done, used, {}};
  }
  return {status::more, used, {}};
}

std::size_t write_chunk_size(char* out, std::size_t size) {
  std::array<char, 16> digits;
  std::size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size != 0);
  std::reverse_copy(digits.begin(), digits.begin() + static_cast<std::ptrdiff_t>(count), out);
  out[count] = '\r';
  out[count + 1] = '\n';
  return count + 2;
}

}  // namespace tideover::adapt
