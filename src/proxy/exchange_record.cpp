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

void exchange_record::note_adaptation(std::string_view note) {
  constexpr std::size_t longest = 2000;  // of a log line's field
  if (adapted.find(note) != std::string::npos || adapted.size() + note.size() > longest) return;
  if (!adapted.empty()) adapted += "; ";
  adapted += note;
}

}  // namespace tideover::proxy
