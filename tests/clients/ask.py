"""requests or httpx through the proxy of the environment: ask.py requests|httpx|httpx2 URL.."""
import sys

library, *urls = sys.argv[1:]
if library == "requests":
    import requests

    get = requests.get
else:
    import os

    import httpx

    # It looks at the bundle only if it is told to.
    client = httpx.Client(http2=library == "httpx2", verify=__import__("ssl").create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
    get = client.get
for url in urls:
    try:
        answer = get(url)
        print(answer.status_code, answer.text)
    except Exception as error:
        print("failed", type(error).__name__)
