#include "tideover/proxy/leg.hpp"

namespace tideover::proxy {

attempt::piece leg::next() {
  auto piece = call.next_payload();
  if (!into) return piece;
  if (piece.what == net::io_result::kind::ok) {
    piece.payload = into->feed(piece.payload);
  } else if (piece.what == net::io_result::kind::eof && !into->ended()) {
    piece.payload = into->end_of_input();
    if (!piece.payload.empty()) piece.what = net::io_result::kind::ok;  // the end comes with the next call
  }
  return piece;
}

}  // namespace tideover::proxy
