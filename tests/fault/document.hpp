// The table of rows as people read it, in docs/failure-semantics.md.
// Not the words around it: those are written by hand.
#pragma once

#include <string>

namespace tideover::test {

/// All rows in Markdown, one table for each section.
std::string rows_as_text();

}  // namespace tideover::test
