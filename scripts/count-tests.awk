# Reads ctest's JUnit file and prints "PASSED FAILED SKIPPED", counted over single test cases:
#   a GoogleTest program  by its own report REPORTS/NAME.xml,
#   a Node.js test run    by the summary lines in its output ("# pass 12", "# fail 0"),
#   anything else         as one case.
# A program that failed without naming a failed case (a crash, a leak found at exit) counts as one failure.

function attribute(line, key,    start, rest) {
  start = index(line, " " key "=\"")
  if (start == 0) return ""
  rest = substr(line, start + length(key) + 3)
  return substr(rest, 1, index(rest, "\"") - 1)
}

function settle(    line, tests, failures, seen, skips) {
  if (name == "") return
  seen = 0
  failures = 0
  while ((getline line < (reports "/" name ".xml")) > 0) {
    if (line ~ /<testsuites /) {
      seen = 1
      tests = attribute(line, "tests") + 0
      failures = attribute(line, "failures") + attribute(line, "errors")
      skips = attribute(line, "disabled") + 0
    } else if (line ~ /<testsuite /) {
      skips += attribute(line, "skipped")
    }
  }
  close(reports "/" name ".xml")
  if (seen) {
    passed += tests - failures - skips
    failed += failures
    skipped += skips
  } else if (node_pass + node_fail + node_skip > 0) {
    passed += node_pass
    failed += node_fail
    skipped += node_skip
    failures = node_fail
  } else if (ended == "run") {
    passed += 1
  } else if (ended == "notrun" || ended == "disabled") {
    skipped += 1
  }
  if (ended == "fail" && failures == 0) failed += 1
  name = ""
}

/<testcase / {
  settle()
  name = attribute($0, "name")
  ended = attribute($0, "status")
  node_pass = node_fail = node_skip = 0
}
/^(<system-out>|[ \t]*<system-out>)?(#|ℹ) pass [0-9]+/ { node_pass = $NF }
/^(#|ℹ) (fail|cancelled) [0-9]+/ { node_fail += $NF }
/^(#|ℹ) (skipped|todo) [0-9]+/ { node_skip += $NF }

END {
  settle()
  printf "%d %d %d\n", passed, failed, skipped
}
