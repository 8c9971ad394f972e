/** What the server's settings mean, in Chinese; English is the server's own. */
export interface Meaning {
  meaning: string
  /** What holds when nobody says anything, where that is a sentence. */
  default?: string
}

export const MEANINGS: Partial<Record<string, Meaning>> = {
  data_dir: { meaning: '账本、锁文件和套接字所在的目录。' },
  database_url: {
    meaning: '由哪种引擎保存调用，存在哪里。DATABASE_PATH 可直接写 SQLite 文件路径。',
  },
  host: { meaning: '服务器监听的地址。' },
  port: { meaning: '服务器监听的端口；0 表示任意空闲端口。' },
  timezone: {
    meaning: '账本按此时区划分日期；更改后会重新汇总。报表的 --timezone 只影响该报表。',
    default: '本机时区（TZ、/etc/localtime、/etc/timezone）',
  },
  claude_dirs: { meaning: '要读取的 Claude 目录。命令行上重复该参数，文件中写成列表。' },
  billing: {
    meaning: '费用是真实支出，还是这些调用按 API 计价的金额。',
    default: '逐个 Claude 目录自动判断',
  },
  file_watch: { meaning: '服务器是否等待文件事件；否则每秒查看一次文件。' },
  log_level: { meaning: '服务器写到标准错误的详细程度。DEBUG 还会显示命令出错的位置。' },
  retention_days: {
    meaning: '保留多少天以内的单次调用。更早的在入账后删除；按日、模型、项目和会话的汇总永久保留。',
    default: '永久保留所有调用',
  },
}
