#!/bin/sh
# Ask a running server with curl: sh examples/curl.sh PICTURE [URL]
set -eu
picture=${1:?usage: curl.sh PICTURE [URL]}
url=${2:-http://127.0.0.1:8000}

echo "# one question"
curl -sS "$url/v1/vqa" -F "image=@$picture" -F "question=how many objects are there?"

echo; echo "# two questions, at most 50 ms, an error rather than a lesser variant"
curl -sS "$url/v1/vqa" -F "image=@$picture" \
    -F "question=how many objects are there?" -F "question=is there a circle?" \
    -F max_latency_ms=50 -F on_miss=reject

echo; echo "# a caption, the budget in headers"
curl -sS "$url/v1/caption" -F "image=@$picture" -H "X-Otmv-Min-Quality: 0.5"

echo; echo "# JSON instead of a form"
printf '{"image": "%s", "question": "is there a circle?", "budget": {"max_latency_ms": 50}}' \
    "$(base64 < "$picture" | tr -d '\n')" |
    curl -sS "$url/v1/vqa" -H "Content-Type: application/json" --data-binary @-

echo; echo "# every variant"
curl -sS "$url/v1/variants"
echo
