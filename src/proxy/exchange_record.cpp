#include "tideover/proxy/exchange_record.hpp"

namespace tideover::proxy {

std::string_view token(outcome o) {
  switch (o) {
    case outcome::answered: return "answered";
    case outcome::failed_over: return "failed_over";
    case outcome::refused: return "refused";
    case outcome::failed: return "failed";
    case outcome::cut: return "cut";
    case outcome::client_gone: return "client_gone";
  }
  return "failed";
}

}  // namespace tideover::proxy
