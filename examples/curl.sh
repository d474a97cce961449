#!/bin/sh
# Ask a running server with curl: sh examples/curl.sh PICTURE [URL]
# The routes for captions and statements answer 422 if the artifact was not tuned for them.
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

echo; echo "# the best of three beams"
curl -sS "$url/v1/caption" -F "image=@$picture" -F num_beams=3

echo; echo "# the text while it is written, as server-sent events"
curl -sSN "$url/v1/caption" -F "image=@$picture" -F stream=true

echo; echo "# a statement about two pictures, left and right (here twice the same)"
curl -sS "$url/v1/reason" -F "image=@$picture" -F "image=@$picture" \
    -F "statement=there is a circle in both pictures"

echo; echo "# JSON instead of a form"
printf '{"image": "%s", "question": "is there a circle?", "budget": {"max_latency_ms": 50}}' \
    "$(base64 < "$picture" | tr -d '\n')" |
    curl -sS "$url/v1/vqa" -H "Content-Type: application/json" --data-binary @-

echo; echo "# every variant"
curl -sS "$url/v1/variants"
echo
