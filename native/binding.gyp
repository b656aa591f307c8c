{
  "targets": [
    {
      "target_name": "clatd_native",
      "sources": ["addon.c", "tun.c", "link.c", "queue.c", "ring.c", "socket.c", "watch.c", "host.c", "lock.c"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags": ["-std=c11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
