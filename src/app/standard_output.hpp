// Standard output of commands: what they print is kept until it is whole, written at once, and known to have arrived.
// std::cout would tell that it failed, but not why.
#pragma once

#include <streambuf>
#include <string>

namespace tideover::app {

class standard_output : public std::streambuf {
 public:
  explicit standard_output(int descriptor) : descriptor_(descriptor) {}

  /// errno of the write that failed; 0: none did.
  int problem() const { return problem_; }

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  int descriptor_;
  int problem_ = 0;
  std::string kept_;
};

}  // namespace tideover::app
