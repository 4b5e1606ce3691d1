// Chunked transfer coding (RFC 9112 §7.1), decoded piece by piece into views of the input.
// Not a buffer: payload stays where it was read. Trailers are read and dropped, never merged into fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tideover::adapt {

class chunk_decoder {
 public:
  enum class status : std::uint8_t {
    more,    // all input was used, the body goes on
    piece,   // `payload` holds body bytes; call again with the rest
    done,    // the last chunk and the trailer section are through; `used` bytes belong to this message
    broken,  // not the protocol
  };
  struct step {
    status what = status::more;
    std::size_t used = 0;      // bytes of the input that are dealt with, payload included
    std::string_view payload;  // a view into the input, only for `piece`
  };

  /// Takes the next bytes. Limits: 16 hex digits, chunk extension 256 bytes a chunk and 16 KiB a message, trailers 8
  /// KiB.
  step feed(std::string_view input);
  bool done() const { return state_ == state::done; }

 private:
  enum class state : std::uint8_t {
    size,           // hex digits of the size
    size_space,     // white space after it; only an extension or the end of the line may follow
    extension,      // skipped up to the end of the line; quoted strings cannot hold a line end, so they need no state
    size_lf,        // LF of the size line
    data,           // payload
    data_cr,        // CR after the payload
    data_lf,        // LF after the payload
    trailer_start,  // first byte of a trailer line, or CR of the empty line
    trailer_name,   // up to the colon
    trailer_value,  // up to CR
    trailer_lf,     // LF of a trailer line
    last_lf,        // LF of the empty line
    done,
    broken
  };
  bool take_framing(char c);  // one byte outside the payload; false when it does not belong there
  bool take_extension_byte(char c);
  bool take_trailer_byte(char c);

  state state_ = state::size;
  std::uint64_t left_ = 0;
  unsigned digits_ = 0;
  unsigned extension_ = 0;
  std::uint32_t extensions_total_ = 0;
  std::uint32_t trailers_ = 0;
};

/// Writes the size line of a chunk of `size` bytes ("1f4\r\n") into `out` (at least 18 bytes); returns its length.
std::size_t write_chunk_size(char* out, std::size_t size);

}  // namespace tideover::adapt
