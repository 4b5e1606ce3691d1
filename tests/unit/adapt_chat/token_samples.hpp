// Texts of many kinds, and how many tokens each is to the tokenizers of five models (GPT-4o, GPT-4, Llama 3, Mistral
// 7B, Qwen 3), counted with their published vocabularies. The texts are this project's own. Not for the tests of
// anything but the estimate.
#pragma once

#include <cstdint>

namespace tideover::adapt {

struct token_sample {
  const char* name;
  const char* text;
  std::uint64_t gpt4o, gpt4, llama3, mistral, qwen3;
};

inline constexpr token_sample token_samples[] = {
    {"english_prose",
     "The night shift ended at six, and the kitchen smelled of cold coffee. Marta counted the invoices "
     "once more, because the total had been wrong twice and she did not want to call her sister again. "
     "Outside, a delivery van was trying to turn around between the parked cars; its driver waved, "
     "apologised, and tried a third time. By the time the sun came up over the warehouse she had found "
     "the mistake: somebody had entered a discount as a price.",
     93, 94, 94, 96, 94},
    {"english_markdown",
     "## Restoring a backup\n"
     "\n"
     "1. Stop the service: `systemctl stop shopd`.\n"
     "2. Copy the newest archive from `/srv/backup/` to the **same** host.\n"
     "3. Run `shopctl restore --from archive.tar.zst --dry-run` and read what it says.\n"
     "\n"
     "| Step | Takes | Can be undone |\n"
     "|---|---|---|\n"
     "| stop | 2 s | yes |\n"
     "| restore | 5–20 min | no |\n"
     "\n"
     "> If the dry run names a missing table, do *not* go on: ask first.\n",
     118, 118, 118, 135, 119},
    {"german",
     "Die Geschwindigkeitsbegrenzung auf der Umgehungsstraße wurde nach langen Verhandlungen aufgehoben, "
     "obwohl die Anwohnerinnen und Anwohner eine Lärmschutzwand gefordert hatten. Über die Kosten für die "
     "nächsten fünf Jahre möchte sich das Büro der Bürgermeisterin frühestens übermorgen äußern. »Wir "
     "prüfen das gründlich«, hieß es auf Anfrage, »und legen danach einen überarbeiteten Vorschlag vor.«",
     86, 122, 122, 129, 117},
    {"french",
     "Après la réunion, le directeur a demandé à chacun d'écrire ce qu'il avait retenu, sans relire ses "
     "notes. Les réponses étaient étonnamment différentes : l'une parlait du budget, l'autre des délais, "
     "et la troisième seulement du café, qui avait été servi trop tôt. « Voilà pourquoi, dit-il, nous "
     "aurons désormais un compte rendu d'une page. »",
     79, 97, 96, 111, 94},
    {"polish",
     "Wczoraj wieczorem zadzwoniła sąsiadka z pytaniem, czy ktoś mógłby podlać kwiaty przez najbliższe "
     "dwa tygodnie, ponieważ wyjeżdża do córki nad morze. Zgodziłem się chętnie, choć w zeszłym roku "
     "zapomniałem o połowie doniczek i musieliśmy kupić nowe.",
     84, 101, 101, 112, 90},
    {"russian",
     "Утром почтальон принёс заказное письмо, в котором сообщалось, что старый мост закроют на ремонт до "
     "конца октября. Жители соседней деревни собрались у магазина и долго спорили, как теперь возить "
     "детей в школу и кто будет платить за автобус.",
     60, 113, 69, 95, 77},
    {"turkish",
     "Toplantıdan sonra herkes kendi masasına döndü, fakat kimse önerilen değişikliklerin nasıl "
     "uygulanacağını tam olarak anlamamıştı. Müdür, ertesi gün kısa bir açıklama göndereceğini söyleyerek "
     "ayrıldı.",
     51, 81, 53, 99, 64},
    {"chinese",
     "昨天下午我们在办公室讨论了新的预算方案。大家认为运输费用太高,应该先和两家供应商重新谈价格,"
     "再决定是否扩大仓库。会议结束以后,小王把记录发给了所有人,并请大家在星期五以前提出意见。",
     61, 94, 67, 96, 52},
    {"japanese",
     "先週の打ち合わせで決まったとおり、新しいサーバーは月曜日の朝に設置します。作業中は社内のメールが三十分ほど使えな"
     "くなりま"
     "すので、急ぎの連絡は電話でお願いします。不明な点があれば、システム担当の山田まで聞いてください。",
     76, 114, 74, 120, 67},
    {"korean",
     "어제 회의에서 결정한 대로 다음 주 월요일부터 새로운 주문 시스템을 사용합니다. 기존 자료는 주말 동안 옮길 "
     "예정이므로 금요일 오후 여섯 시 이후에는 주문을 입력하지 말아 주세요.",
     50, 85, 52, 104, 63},
    {"arabic",
     "بعد الاجتماع طلب المدير من الموظفين إرسال ملاحظاتهم حول الخطة الجديدة قبل نهاية الأسبوع، لأن الشركة "
     "تريد تخفيض تكاليف النقل دون أن تتأخر الطلبات عن موعدها.",
     39, 109, 58, 132, 49},
    {"hindi",
     "कल की बैठक में तय हुआ कि नया गोदाम शहर के बाहर बनाया जाएगा, क्योंकि पुराने गोदाम में जगह कम पड़ रही "
     "है और किराया हर साल बढ़ जाता है।",
     37, 133, 67, 138, 122},
    {"code_cpp",
     "std::optional<std::size_t> line_index::find(std::string_view name) const {\n"
     "  auto const at = std::lower_bound(entries_.begin(), entries_.end(), name, [](const entry& e, "
     "std::string_view key) {\n"
     "    return e.name < key;  // entries are kept sorted\n"
     "  });\n"
     "  if (at == entries_.end() || at->name != name) return std::nullopt;\n"
     "  return static_cast<std::size_t>(at - entries_.begin());\n"
     "}\n",
     106, 107, 107, 125, 107},
    {"code_python",
     "def moving_average(values, window=7):\n"
     "    \"\"\"Return the mean of the last `window` values at each position.\"\"\"\n"
     "    if window < 1:\n"
     "        raise ValueError(f\"window must be positive, not {window!r}\")\n"
     "    total, out = 0.0, []\n"
     "    for i, value in enumerate(values):\n"
     "        total += value\n"
     "        if i >= window:\n"
     "            total -= values[i - window]\n"
     "        out.append(total / min(i + 1, window))\n"
     "    return out\n",
     105, 104, 104, 123, 104},
    {"json_compact",
     "{\"order_id\":\"A-20391\",\"customer\":{\"id\":88213,\"name\":\"Lena "
     "Novak\",\"email\":\"lena.novak@example.com\",\"vip\":false},"
     "\"lines\":[{\"sku\":\"KB-104-DE\",\"qty\":2,\"unit_price\":4"
     "9.9},{\"sku\":\"MS-22\",\"qty\":1,\"unit_price\":18.25}],\"t"
     "otal\":118.05,\"currency\":\"EUR\",\"created_at\":\"2026-03-"
     "01T09:30:00.123Z\",\"tags\":[\"priority\",\"gift\"],\"note\":null}",
     115, 114, 114, 160, 138},
    {"json_pretty",
     "{\n"
     "  \"name\": \"report-builder\",\n"
     "  \"version\": \"2.4.1\",\n"
     "  \"private\": true,\n"
     "  \"scripts\": {\n"
     "    \"build\": \"tsc --project tsconfig.json\",\n"
     "    \"test\": \"node --test dist/\",\n"
     "    \"lint\": \"eslint src --max-warnings 0\"\n"
     "  },\n"
     "  \"dependencies\": {\n"
     "    \"express\": \"^4.19.2\",\n"
     "    \"pino\": \"^9.1.0\"\n"
     "  },\n"
     "  \"engines\": {\"node\": \">=20.11\"}\n"
     "}\n",
     115, 115, 115, 141, 118},
    {"sql_capitals",
     "SELECT CUSTOMER_ID, SUM(TOTAL_AMOUNT) AS REVENUE FROM INVOICES INNER JOIN ORDERS ON "
     "INVOICES.ORDER_ID = ORDERS.ID WHERE ORDERS.STATUS = 'PAID' AND INVOICES.CREATED_AT >= DATE "
     "'2026-01-01' GROUP BY CUSTOMER_ID HAVING SUM(TOTAL_AMOUNT) > 10000 ORDER BY REVENUE DESC;",
     78, 80, 80, 125, 87},
    {"log_lines",
     "2026-03-01 12:04:55,318 INFO [worker-3] com.example.shop.OrderService - GET "
     "https://api.example.com/v1/orders/48213377?limit=50 200 187ms\n"
     "2026-03-01 12:04:56,002 WARN [worker-1] com.example.shop.Stock - retry 2/5 after 250ms: connection "
     "reset\n",
     87, 88, 88, 129, 118},
    {"numbers",
     "12.75,8431.2,0.091,77,15023.88\n"
     "3.5,912.44,0.8713,120,9987.01\n"
     "41.09,66.3,0.5,3,120554.7\n",
     59, 59, 59, 87, 87},
    {"uuids",
     "7f1b6c1e-93a4-4c0f-8a57-2d1e0b9c6f34\n"
     "0d5e8a72-1f4b-4b8e-9c3d-6a7f2e81b905\n",
     67, 67, 67, 74, 74},
    {"base64",
     "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk"
     "+M9Qz0AEYBxVSF+FAAhKDveksOjmAAAAAElFTkSuQmCC9xXqLr2ZpW4vT7kHc1nYbE0dJmUgSfRw8aOiP3tQzLuVhN5yKxD6eGM",
     108, 112, 112, 122, 113},
    {"emoji",
     "Great news 🎉🎉 the release is out 🚀! Thanks to everyone who tested 👍🏽 and sorry for the noise "
     "😅. "
     "Next stop: v2 🔥🔥🔥",
     38, 47, 47, 37, 39},
};

}  // namespace tideover::adapt
