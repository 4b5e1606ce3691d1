#include "tideover/core/secret.hpp"

#include <openssl/crypto.h>

namespace tideover {

secret& secret::operator=(const secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::exchange(other.value_, {});
  }
  return *this;
}

bool secret::equals(std::string_view candidate) const {
  return candidate.size() == value_.size() && CRYPTO_memcmp(candidate.data(), value_.data(), value_.size()) == 0;
}

void secret::wipe() noexcept {
  if (!value_.empty()) OPENSSL_cleanse(value_.data(), value_.size());
}

}  // namespace tideover
