# Turns figures (order, label, comparable, round, proxy, value) into a Markdown table: the median over the rounds for each
# proxy, and for Tideover the median of its ratios to each of the others within a round.

function median(text,    list, n, i, j, swap) {
  n = split(text, list, " ")
  for (i = 1; i <= n; i++) list[i] += 0
  for (i = 2; i <= n; i++) {
    swap = list[i]
    for (j = i - 1; j >= 1 && list[j] > swap; j--) list[j + 1] = list[j]
    list[j + 1] = swap
  }
  return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function shown(value) {
  if (value >= 1000) return sprintf("%d", value + 0.5)
  if (value >= 10) return sprintf("%.1f", value)
  if (value >= 1) return sprintf("%.2f", value)
  return sprintf("%.4f", value)
}

BEGIN { FS = "\t" }

{
  if (!($2 in seen)) {
    seen[$2] = 1
    rows[++row_count] = $2
    comparable[$2] = $3
  }
  figures[$2, $5] = figures[$2, $5] " " $6
  at[$2, $4, $5] = $6
  if ($4 + 1 > rounds[$2]) rounds[$2] = $4 + 1
}

END {
  n = split(names, name, ",")
  head = "| |"
  line = "|---|"
  for (i = 1; i <= n; i++) {
    head = head " " name[i] " |"
    line = line "---|"
    if (name[i] == "tideover") subject = "tideover"
  }
  if (subject == "") subject = name[n]
  for (i = 1; i <= n; i++)
    if (name[i] != subject) {
      head = head " " subject " ÷ " name[i] " |"
      line = line "---|"
    }
  print head
  print line
  for (r = 1; r <= row_count; r++) {
    label = rows[r]
    out = "| " label " |"
    for (i = 1; i <= n; i++)
      out = out " " ((label, name[i]) in figures ? shown(median(figures[label, name[i]])) : "–") " |"
    for (i = 1; i <= n; i++) {
      if (name[i] == subject) continue
      ratios = ""
      for (round = 0; round < rounds[label]; round++)
        if ((label, round, subject) in at && at[label, round, name[i]] > 0)
          ratios = ratios " " at[label, round, subject] / at[label, round, name[i]]
      out = out " " (comparable[label] == "yes" && ratios != "" ? sprintf("%.2f", median(ratios)) : "") " |"
    }
    print out
  }
}
