// A string that does not print: API keys, tokens, webhook addresses.
// Not a vault: it keeps a secret out of logs, errors and dumps by type, and wipes its memory when it goes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace tideover {

class secret {
 public:
  secret() = default;
  explicit secret(std::string value) : value_(std::move(value)) {}
  secret(const secret&) = default;
  secret(secret&& other) noexcept : value_(std::exchange(other.value_, {})) {}
  secret& operator=(const secret& other);
  secret& operator=(secret&& other) noexcept;
  ~secret() { wipe(); }

  /// The value, for the one place that puts it on the wire. Deliberately long to type and easy to search for.
  std::string_view reveal_for_wire() const { return value_; }
  bool empty() const { return value_.empty(); }

  /// Compares without telling by time where the difference is.
  bool equals(std::string_view candidate) const;
  /// Would whoever reads the text read the secret? As it is, with the escapes of JSON and of URLs in any mixture, or as
  /// a part of something in base64 (RFC 7617: `Basic`), which is looked for from 8 bytes on: less says nothing. Of an
  /// empty secret: no. Costs a look at every byte: meant for texts of some KiB.
  bool stands_in(std::string_view text) const;

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace tideover
